# What a folder's CMakeLists.txt may say.
#
#   postern_library(<name> [DEPS ...] [TEST_DEPS ...])
#   postern_executable(<program> LIBRARY <name>)
#   postern_python_tests()
#
# postern_library finds the folder's files by their names, so that adding a file needs no edit here:
#   *_test.cc    one GoogleTest program <name>_test, one ctest entry of that name
#   *_fuzz.cc    one libFuzzer program each, named for the file; only where POSTERN_FUZZ is on (presets asan and fuzz)
#   *_bench.cc   one Google Benchmark program <name>_bench; ctest runs it for a moment, so that none rots
#   main.cc      left to postern_executable
#   other *.cc   the library postern_<name> (header only when there are none)
# Subfolders belong to the folder unless they have a CMakeLists.txt of their own.
# DEPS are names of other folders' libraries (engine_base) or any CMake target (PkgConfig::uring).

function(_postern_targets out)
  set(targets "")
  foreach(dep IN LISTS ARGN)
    if(dep MATCHES "::|^postern_")
      list(APPEND targets ${dep})
    else()
      list(APPEND targets postern_${dep})
    endif()
  endforeach()
  set(${out} ${targets} PARENT_SCOPE)
endfunction()

# All *.cc below the current folder that no nested CMakeLists.txt claims, relative to it.
function(_postern_sources out)
  file(GLOB_RECURSE sources RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} CONFIGURE_DEPENDS *.cc)
  file(GLOB_RECURSE nested RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} CONFIGURE_DEPENDS CMakeLists.txt)
  foreach(list_file IN LISTS nested)
    get_filename_component(folder ${list_file} DIRECTORY)
    if(folder)
      list(FILTER sources EXCLUDE REGEX "^${folder}/")
    endif()
  endforeach()
  set(${out} ${sources} PARENT_SCOPE)
endfunction()

function(_postern_take from pattern out)
  set(taken ${${from}})
  list(FILTER taken INCLUDE REGEX "${pattern}")
  set(rest ${${from}})
  list(FILTER rest EXCLUDE REGEX "${pattern}")
  set(${out} ${taken} PARENT_SCOPE)
  set(${from} ${rest} PARENT_SCOPE)
endfunction()

function(_postern_use_pch target)
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR})
  target_precompile_headers(${target} REUSE_FROM postern_pch)
endfunction()

# Sanitizer settings that every test run shares.
set(POSTERN_TEST_ENVIRONMENT
    "POSTERN_SOURCE_DIR=${CMAKE_SOURCE_DIR}"
    "POSTERN_BINARY_DIR=${CMAKE_BINARY_DIR}"
    "POSTERN_BIN=${CMAKE_BINARY_DIR}/postern"
    "ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1:abort_on_error=1:allow_addr2line=1"
    "UBSAN_OPTIONS=print_stacktrace=1:allow_addr2line=1"
    "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:allow_addr2line=1")

function(_postern_test name sources)
  add_executable(${name} ${sources})
  _postern_use_pch(${name})
  target_link_libraries(${name} PRIVATE ${ARGN} GTest::gmock GTest::gtest GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name} --gtest_brief=1)
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 300 ENVIRONMENT "${POSTERN_TEST_ENVIRONMENT}")
endfunction()

function(_postern_fuzz source)
  get_filename_component(name ${source} NAME_WE)
  string(REGEX REPLACE "_fuzz$" "" stem ${name})
  add_executable(${name} ${source})
  _postern_use_pch(${name})
  target_link_libraries(${name} PRIVATE ${ARGN})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  set(found ${CMAKE_BINARY_DIR}/fuzz/${name})
  file(MAKE_DIRECTORY ${found}/corpus)
  set(arguments -max_total_time=${POSTERN_FUZZ_SECONDS} -timeout=10 -rss_limit_mb=2048 -max_len=65536 -verbosity=0
      -artifact_prefix=${found}/ ${found}/corpus)
  set(corpus ${CMAKE_SOURCE_DIR}/tests/fuzz-corpus)
  foreach(seeds ${corpus}/${name} ${corpus}/${stem})
    if(IS_DIRECTORY ${seeds})
      list(APPEND arguments ${seeds})
    endif()
  endforeach()
  foreach(dictionary ${corpus}/${name}.dict ${corpus}/${stem}.dict)
    if(EXISTS ${dictionary})
      list(APPEND arguments -dict=${dictionary})
    endif()
  endforeach()
  math(EXPR timeout "${POSTERN_FUZZ_SECONDS} + 60")
  add_test(NAME fuzz.${name} COMMAND ${name} ${arguments})
  set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT ${timeout} ENVIRONMENT "${POSTERN_TEST_ENVIRONMENT}")
endfunction()

function(_postern_bench name sources)
  add_executable(${name} ${sources})
  _postern_use_pch(${name})
  target_link_libraries(${name} PRIVATE ${ARGN} benchmark::benchmark benchmark::benchmark_main postern_allocator)
  if(POSTERN_TESTS)
    add_test(NAME bench.${name} COMMAND ${name} --benchmark_min_time=0.001)
    set_tests_properties(bench.${name} PROPERTIES LABELS bench TIMEOUT 120 ENVIRONMENT "${POSTERN_TEST_ENVIRONMENT}")
  endif()
endfunction()

function(postern_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "DEPS;TEST_DEPS")
  _postern_targets(deps ${arg_DEPS})
  _postern_targets(test_deps ${arg_TEST_DEPS})
  if(NOT name STREQUAL "engine_base")
    list(APPEND deps fmt::fmt)
  endif()

  _postern_sources(plain)
  _postern_take(plain "_test\\.cc$" tests)
  _postern_take(plain "_fuzz\\.cc$" fuzzers)
  _postern_take(plain "_bench\\.cc$" benches)
  _postern_take(plain "^main\\.cc$" mains)

  set(library postern_${name})
  if(plain)
    add_library(${library} STATIC ${plain})
    _postern_use_pch(${library})
    target_include_directories(${library} PUBLIC ${CMAKE_SOURCE_DIR})
    target_link_libraries(${library} PUBLIC ${deps})
  else()
    add_library(${library} INTERFACE)
    target_include_directories(${library} INTERFACE ${CMAKE_SOURCE_DIR})
    target_link_libraries(${library} INTERFACE ${deps})
  endif()

  if(tests AND POSTERN_TESTS)
    _postern_test(${name}_test "${tests}" ${library} ${test_deps})
  endif()
  if(POSTERN_FUZZ)
    foreach(fuzzer IN LISTS fuzzers)
      _postern_fuzz(${fuzzer} ${library} ${test_deps})
    endforeach()
  endif()
  if(benches AND POSTERN_BENCH)
    _postern_bench(${name}_bench "${benches}" ${library} ${test_deps})
  endif()
endfunction()

# The program lies at the top of the build tree: build/release/postern.
function(postern_executable program)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "LIBRARY" "")
  file(GLOB mains CONFIGURE_DEPENDS main.cc)
  if(NOT mains)
    return()
  endif()
  add_executable(${program} ${mains})
  _postern_use_pch(${program})
  target_link_libraries(${program} PRIVATE postern_${arg_LIBRARY} postern_allocator)
  set_target_properties(${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
endfunction()

# Every tests/<folder>/<name>_test.py becomes the ctest entry <folder>.<name>, labelled <folder>, run as a program by python3.
# A line `# ctest: word ...` near its top may say more:
#   timeout=<seconds>  other than 120        alone      nothing else runs meanwhile
#   smoke              also in the sanitizer trees (others run in release and debug only)
#   full               only when the environment says POSTERN_FULL=1; else it is skipped, and ctest says so
# Exit status 77 means skipped: the test's peer or the kernel's feature is not there.
function(postern_python_tests)
  file(GLOB scripts RELATIVE ${CMAKE_SOURCE_DIR}/tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/*/*_test.py)
  foreach(script IN LISTS scripts)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${script})
    get_filename_component(folder ${script} DIRECTORY)
    get_filename_component(name ${script} NAME_WE)
    string(REGEX REPLACE "_test$" "" name ${name})
    file(STRINGS ${CMAKE_SOURCE_DIR}/tests/${script} directives REGEX "^# ctest: ")
    string(REGEX REPLACE "# ctest: " "" directives "${directives}")
    string(REPLACE " " ";" directives "${directives}")
    set(timeout 120)
    set(labels ${folder})
    set(alone OFF)
    set(full OFF)
    foreach(directive IN LISTS directives)
      if(directive MATCHES "^timeout=([0-9]+)$")
        set(timeout ${CMAKE_MATCH_1})
      elseif(directive STREQUAL "alone")
        set(alone ON)
      elseif(directive STREQUAL "smoke")
        list(APPEND labels smoke)
      elseif(directive STREQUAL "full")
        set(full ON)
        list(APPEND labels full)
      else()
        message(FATAL_ERROR "tests/${script}: '# ctest: ${directive}' is not known")
      endif()
    endforeach()
    if(POSTERN_SANITIZE AND NOT "smoke" IN_LIST labels)
      continue()
    endif()
    set(command Python3::Interpreter -B ${CMAKE_SOURCE_DIR}/tests/${script})
    if(full)
      # No semicolon: it would end the item of the list here.
      set(command sh -c "[ \"$POSTERN_FULL\" = 1 ] || exit 77 && exec \"$@\"" sh ${Python3_EXECUTABLE} -B
          ${CMAKE_SOURCE_DIR}/tests/${script})
    endif()
    add_test(NAME ${folder}.${name} COMMAND ${command})
    set_tests_properties(${folder}.${name} PROPERTIES LABELS "${labels}" TIMEOUT ${timeout} RUN_SERIAL ${alone}
      SKIP_RETURN_CODE 77 ENVIRONMENT "${POSTERN_TEST_ENVIRONMENT};PYTHONPATH=${CMAKE_SOURCE_DIR}/tests")
  endforeach()
endfunction()
