# The checker's arithmetic: shares no code with the generator's, needs neither MLIR nor LLVM.
add_lipt_library(LiptCheckerNumerics
  ${CMAKE_CURRENT_LIST_DIR}/Rounding.cpp
  LINK Threads::Threads)
