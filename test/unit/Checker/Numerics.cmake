foreach(test Extended Interval Matrix SpectralNorm ConvolutionMatrix)
  add_lipt_unittest(Checker${test}Tests ${CMAKE_CURRENT_LIST_DIR}/${test}Test.cpp LINK LiptCheckerNumerics)
endforeach()
