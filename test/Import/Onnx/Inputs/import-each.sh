#!/bin/sh
# Imports every model text of the current folder; each must fail with exit code
# 1, one diagnostic and no output file. Prints the diagnostics.
count=0
for text in *.onnxtxt *.textproto; do
  count=$((count + 1))
  echo "== $text"
  test-encode-onnx "$text" model.onnx || exit 1
  rm -f out.mlir
  lipt-translate --import-onnx model.onnx -o out.mlir >log 2>&1
  code=$?
  cat log
  [ $code = 1 ] || echo "exit code $code"
  [ "$(grep -c 'error:' log)" = 1 ] || echo "not one diagnostic"
  [ ! -e out.mlir ] || echo "output left behind"
done
echo "$count models"
