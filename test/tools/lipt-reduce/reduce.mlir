// A file is shrunk to what makes the test script fail: the one with a tanh.
// RUN: printf '#!/bin/sh\ngrep -q lipt.tanh "$1" && exit 1\nexit 0\n' > %t.sh
// RUN: chmod +x %t.sh
// RUN: lipt-reduce %s --reduction-tree='traversal-mode=0 test=%t.sh' | FileCheck %s

// CHECK-NOT: @plain
// CHECK: lipt.tanh
// CHECK-NOT: @plain
func.func @plain(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = lipt.relu %x : tensor<2xf32>
  return %0 : tensor<2xf32>
}
func.func @guilty(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = lipt.tanh %x : tensor<2xf32>
  return %0 : tensor<2xf32>
}
