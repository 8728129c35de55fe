# Compiler, linker and cache settings that every target shares.

# Certified numerics rely on IEEE arithmetic as written: never -ffast-math, never x87 excess precision (docs/Bounds.md, arithmetic kit).
add_compile_options(-fno-fast-math)

find_program(LIPT_LLD ld.lld-22)
if(LIPT_LLD)
  add_link_options(--ld-path=${LIPT_LLD})
endif()

find_program(LIPT_CCACHE ccache)
if(LIPT_CCACHE)
  # With precompiled headers ccache needs these sloppiness settings and a header without a time stamp.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${LIPT_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
  endif()
endif()

if(LIPT_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=address,undefined)
endif()

if(LIPT_ENABLE_ASSERTIONS)
  foreach(flags CMAKE_CXX_FLAGS_RELEASE CMAKE_C_FLAGS_RELEASE CMAKE_CXX_FLAGS_RELWITHDEBINFO)
    string(REPLACE "-DNDEBUG" "" ${flags} "${${flags}}")
  endforeach()
endif()
