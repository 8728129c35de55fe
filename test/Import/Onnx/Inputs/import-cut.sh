#!/bin/sh
# Imports every beginning of a model file, and copies with one byte changed:
# exit code 0, or 1 with one diagnostic. Prints what goes wrong.
folder=$(dirname "$1")
size=$(wc -c <"$1")
check() {
  lipt-translate --import-onnx "$folder/cut.onnx" >/dev/null 2>log
  code=$?
  [ $code = 0 ] || { [ $code = 1 ] && [ "$(grep -c error: log)" = 1 ]; } ||
    { echo "exit code $code, $2 at byte $1:"; cat log; }
}
place=1
while [ $place -lt "$size" ]; do
  head -c $place "$1" >"$folder/cut.onnx"
  check $place "cut"
  cp "$1" "$folder/cut.onnx"
  printf '\377' | dd of="$folder/cut.onnx" bs=1 seek=$place conv=notrunc 2>/dev/null
  check $place "changed"
  place=$((place + 3))
done
echo "done"
