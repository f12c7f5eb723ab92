# Compiler, flags and libraries: everything that holds for every target.

# GCC before 14 builds ordinary coroutine code wrongly: temporaries of an awaited call that takes an aggregate by value are
# destroyed twice. The damage is silent, so the compiler is refused and not merely warned about (docs/decisions/0001).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14)
  message(FATAL_ERROR
    "GCC ${CMAKE_CXX_COMPILER_VERSION} miscompiles coroutines (double destruction of temporaries in co_await expressions). "
    "Use clang 19, which the presets select: cmake --preset release. GCC 14 and later are accepted.")
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  message(FATAL_ERROR "clang ${CMAKE_CXX_COMPILER_VERSION} is too old for the C++23 used here; install clang-19.")
endif()
if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux" OR NOT CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  message(FATAL_ERROR "postern runs on Linux on x86-64 only.")
endif()
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

set(POSTERN_SANITIZE "" CACHE STRING "value of -fsanitize for every target, empty for none")
option(POSTERN_FUZZ "build the fuzz targets (clang; with a sanitizer)" OFF)
option(POSTERN_TESTS "build and register the tests" ON)
option(POSTERN_BENCH "build the micro benches" ON)
set(POSTERN_FUZZ_SECONDS 15 CACHE STRING "how long ctest runs each fuzz target")

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# Frame pointers stay in every build, so that perf and crash traces are whole.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g")

add_compile_options(
  -march=x86-64-v2  # the baseline (SSE4.2, hardware CRC32C); wider registers are chosen when the program starts
  -fPIE  # said here and not by CMake, which would compile libraries and programs differently and split the precompiled header
  -fno-omit-frame-pointer -mno-omit-leaf-frame-pointer
  -Wall -Wextra -Wpedantic -Werror
  -Wimplicit-fallthrough -Wnon-virtual-dtor -Woverloaded-virtual -Wextra-semi -Wundef
  -Wno-missing-field-initializers)  # designated initialisers leave out what keeps its default, on purpose
add_compile_definitions(_GLIBCXX_ASSERTIONS)
add_link_options(-pie -Wl,--as-needed -Wl,-z,relro,-z,now)

if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # The source tree's path stays out of the objects: builds are alike wherever the checkout lies, and ccache can share them.
  add_compile_options(-fcolor-diagnostics -ffile-prefix-map=${CMAKE_SOURCE_DIR}=. -fdebug-compilation-dir=.)
  add_compile_options("SHELL:-Xclang -fno-pch-timestamp")  # else ccache could never reuse what a precompiled header touched
  add_link_options(-fuse-ld=lld)
endif()

if(POSTERN_SANITIZE)
  add_compile_options(-fsanitize=${POSTERN_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${POSTERN_SANITIZE} -fno-sanitize-recover=all)
elseif(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  add_compile_options(-fstack-protector-strong)
  add_compile_definitions(_FORTIFY_SOURCE=2)
endif()
if(POSTERN_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/cmake/compile ${CCACHE})
endif()

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
pkg_check_modules(uring REQUIRED IMPORTED_TARGET liburing)
pkg_check_modules(cares REQUIRED IMPORTED_TARGET libcares)
pkg_check_modules(pcre2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(crypt REQUIRED IMPORTED_TARGET libcrypt)
pkg_check_modules(idn2 REQUIRED IMPORTED_TARGET libidn2)
pkg_check_modules(psl REQUIRED IMPORTED_TARGET libpsl)
pkg_check_modules(crypto REQUIRED IMPORTED_TARGET libcrypto)
pkg_check_modules(openssl REQUIRED IMPORTED_TARGET libssl libcrypto)
pkg_check_modules(hiredis REQUIRED IMPORTED_TARGET hiredis)
pkg_check_modules(lmdb REQUIRED IMPORTED_TARGET lmdb)
pkg_check_modules(sqlite REQUIRED IMPORTED_TARGET sqlite3)

# The allocator of the installed programs. Sanitizers bring their own.
add_library(postern_allocator INTERFACE)
if(NOT POSTERN_SANITIZE)
  pkg_check_modules(jemalloc REQUIRED jemalloc)
  # Kept even where the linker sees no direct call: the standard library's calls of malloc are what it is for.
  target_link_libraries(postern_allocator INTERFACE -Wl,--push-state,--no-as-needed ${jemalloc_LINK_LIBRARIES} -Wl,--pop-state)
endif()

if(POSTERN_TESTS)
  find_package(GTest REQUIRED)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
endif()
if(POSTERN_BENCH)
  find_package(benchmark REQUIRED)
endif()

# One precompiled header for the whole tree: the standard headers that nearly every file needs, and Result.
add_library(postern_pch OBJECT cmake/pch.cc)
target_include_directories(postern_pch PUBLIC ${CMAKE_SOURCE_DIR})
target_precompile_headers(postern_pch PRIVATE cmake/pch.h)
