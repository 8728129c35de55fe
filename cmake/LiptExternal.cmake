# External parts: MLIR/LLVM 22 as two shared libraries, the ONNX C++ library from the cache, MPFR, JSON, SHA-256, oneDNN.

find_package(MLIR 22.1 REQUIRED CONFIG HINTS /usr/lib/llvm-22/lib/cmake/mlir)
set(MLIR_BINARY_DIR ${CMAKE_BINARY_DIR})
set(LLVM_RUNTIME_OUTPUT_INTDIR ${CMAKE_BINARY_DIR}/bin)
set(LLVM_LIBRARY_OUTPUT_INTDIR ${CMAKE_BINARY_DIR}/lib)
# Exceptions stay on: the ONNX library throws, and two rooms (Import/Onnx, Checker) catch. RTTI matches Debian's libMLIR.
set(LLVM_ENABLE_EH ON)
set(LLVM_ENABLE_RTTI ON)
set(MLIR_LINK_MLIR_DYLIB ON)
list(APPEND CMAKE_MODULE_PATH "${MLIR_CMAKE_DIR}" "${LLVM_CMAKE_DIR}")
include(TableGen)
include(AddLLVM)
include(AddMLIR)
include(HandleLLVMOptions)
include_directories(SYSTEM ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})

# HandleLLVMOptions of an NDEBUG LLVM may put -DNDEBUG back.
if(LIPT_ENABLE_ASSERTIONS)
  add_compile_options(-UNDEBUG)
endif()

set(ONNX_ROOT "${LIPT_CACHE}/onnx-1.23.2")
find_package(Protobuf REQUIRED)
find_library(ONNX_LIBRARY onnx HINTS "${ONNX_ROOT}/lib" "${ONNX_ROOT}/lib64" NO_DEFAULT_PATH)
find_library(ONNX_PROTO_LIBRARY onnx_proto HINTS "${ONNX_ROOT}/lib" "${ONNX_ROOT}/lib64" NO_DEFAULT_PATH)
if(NOT ONNX_LIBRARY OR NOT ONNX_PROTO_LIBRARY)
  message(FATAL_ERROR "the ONNX library is not in ${ONNX_ROOT}: run scripts/setup first")
endif()
# Only the protobuf messages: what the checker uses. The full library adds ONNX's own checker, shape inference and function inlining.
add_library(lipt_onnx_proto INTERFACE)
target_include_directories(lipt_onnx_proto SYSTEM INTERFACE "${ONNX_ROOT}/include")
target_compile_definitions(lipt_onnx_proto INTERFACE ONNX_ML=1 ONNX_NAMESPACE=onnx)
target_link_libraries(lipt_onnx_proto INTERFACE "${ONNX_PROTO_LIBRARY}" protobuf::libprotobuf)
add_library(lipt_onnx INTERFACE)
target_link_libraries(lipt_onnx INTERFACE "${ONNX_LIBRARY}" lipt_onnx_proto)

find_library(MPFR_LIBRARY mpfr REQUIRED)
find_library(GMP_LIBRARY gmp REQUIRED)
add_library(lipt_mpfr INTERFACE)
target_link_libraries(lipt_mpfr INTERFACE "${MPFR_LIBRARY}" "${GMP_LIBRARY}")

find_package(OpenSSL REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(Threads REQUIRED)
find_library(DNNL_LIBRARY dnnl)
