# The checker's arithmetic: shares no code with the generator's, needs neither MLIR nor LLVM.
add_lipt_library(LiptCheckerNumerics
  ${CMAKE_CURRENT_LIST_DIR}/Assembly.cpp
  ${CMAKE_CURRENT_LIST_DIR}/AssembledVector.cpp
  ${CMAKE_CURRENT_LIST_DIR}/ConvolutionMatrix.cpp
  ${CMAKE_CURRENT_LIST_DIR}/ConvolutionNorm.cpp
  ${CMAKE_CURRENT_LIST_DIR}/DenseKernels.cpp
  ${CMAKE_CURRENT_LIST_DIR}/Extended.cpp
  ${CMAKE_CURRENT_LIST_DIR}/Interval.cpp
  ${CMAKE_CURRENT_LIST_DIR}/Matrix.cpp
  ${CMAKE_CURRENT_LIST_DIR}/Rounding.cpp
  ${CMAKE_CURRENT_LIST_DIR}/ScaledView.cpp
  ${CMAKE_CURRENT_LIST_DIR}/SpectralNorm.cpp
  LINK Threads::Threads)
# Error-free transformations are written out; a contraction across statements (another compiler's default) would break them.
target_compile_options(LiptCheckerNumerics PRIVATE -ffp-contract=on)
