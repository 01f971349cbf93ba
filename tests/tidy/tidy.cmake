# tidy.cmake: the house rules that a compiler can check; the others stand in tidy_test.cpp.

# The rules that are about text.
lsmith_view_test(tidy SOURCES tests/tidy/tidy_test.cpp tests/tidy/book_test.cpp)
target_include_directories(tidy PRIVATE labs/tool)
target_compile_definitions(tidy PRIVATE LSMITH_BUILD_FOLDER="${PROJECT_BINARY_DIR}")

# Every header compiles alone, in the library and in each textbook part, without exceptions and without
# type information. What fails, fails the build. (Those of detail/ are their owner's business.) A header
# that another one includes first of all is compiled alone there, since nothing stands before it.
set(without -fno-exceptions -fno-rtti)
function(lsmith_headers_alone name folder)
  file(GLOB headers RELATIVE ${PROJECT_SOURCE_DIR}/${folder} CONFIGURE_DEPENDS ${folder}/lsmith/*.hpp)
  foreach(header IN LISTS headers)
    file(STRINGS ${folder}/${header} first REGEX "^#include" LIMIT_COUNT 1)
    string(REGEX REPLACE "#include <(.*)>" "\\1" first "${first}")
    list(APPEND first_ones ${first})
  endforeach()
  list(REMOVE_ITEM headers ${first_ones})
  foreach(header IN LISTS headers)
    file(CONFIGURE OUTPUT alone/${name}/${header}.cpp CONTENT "#include <${header}>\n")
    list(APPEND sources ${PROJECT_BINARY_DIR}/alone/${name}/${header}.cpp)
  endforeach()
  add_library(alone.${name} OBJECT ${sources})
  target_include_directories(alone.${name} BEFORE PRIVATE ${folder})
  target_link_libraries(alone.${name} PRIVATE test_flags)
  target_compile_options(alone.${name} PRIVATE -O0 ${without})
endfunction()
if(NOT LSMITH_SANITIZE)
  lsmith_headers_alone(library include)
  foreach(solution IN LISTS solutions)
    string(REGEX REPLACE "solutions/[0-9]+-" "" part ${solution})
    lsmith_headers_alone(${part} ${solution})
  endforeach()
endif()

# The whole library in two translation units of one executable: a body that lacks its `inline` is a link
# error here.
file(GLOB odr_sources CONFIGURE_DEPENDS tests/tidy/odr_*.cpp)
set_source_files_properties(tests/tidy/odr_one.cpp tests/tidy/odr_two.cpp PROPERTIES
                            COMPILE_OPTIONS "-O0;${without}" SKIP_PRECOMPILE_HEADERS ON)
lsmith_view_test(odr.library SOURCES ${odr_sources})
lsmith_view_test(odr.textbook VIEW ${solutions} SOURCES ${odr_sources})
set_target_properties(odr.library odr.textbook PROPERTIES UNITY_BUILD OFF)

# Length and nesting of functions, where clang-tidy is installed.
find_program(CLANG_TIDY clang-tidy)
if(CLANG_TIDY AND NOT LSMITH_SANITIZE)
  set(checks "{Checks: '-*,readability-function-size', WarningsAsErrors: '*', HeaderFilterRegex: '.*lsmith/.*'")
  string(APPEND checks ", CheckOptions: [{key: readability-function-size.LineThreshold, value: 70}")
  string(APPEND checks ", {key: readability-function-size.StatementThreshold, value: 200}")
  string(APPEND checks ", {key: readability-function-size.NestingThreshold, value: 3}]}")
  list(TRANSFORM solutions PREPEND "-I" OUTPUT_VARIABLE textbook)
  foreach(view library textbook)
    add_test(NAME functions.${view} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
             COMMAND ${CLANG_TIDY} --quiet --config=${checks} tests/tidy/odr_one.cpp --
                     -std=c++20 ${${view}} -Iinclude)
  endforeach()
endif()

# The runner: its database commands, the same under failing system calls, what it says of all kinds of
# components, the three verdicts on one chapter, and a small benchmark. `labs/lab verify` does the rest.
lsmith_view_test(tool.halves SOURCES tests/tool/halves_test.cpp labs/tool/course/halves.cpp
                 labs/tool/course/source_text.cpp)
lsmith_view_test(tool.bench_results SOURCES tests/tool/bench_results_test.cpp labs/tool/course/bench_files.cpp
                 labs/tool/course/bench_results.cpp labs/tool/course/bench_words.cpp labs/tool/terminal.cpp)
lsmith_view_test(tool.bench_plot SOURCES tests/tool/bench_plot_test.cpp labs/tool/course/bench_plot.cpp
                 labs/tool/course/bench_results.cpp labs/tool/course/bench_sweeps.cpp labs/tool/terminal.cpp)
foreach(name tool.halves tool.bench_results tool.bench_plot)
  target_include_directories(${name} PRIVATE labs/tool)
endforeach()
if(NOT LSMITH_SANITIZE)
  set(lab ${PROJECT_SOURCE_DIR}/labs/lab)
  add_test(NAME tool.db COMMAND sh ${PROJECT_SOURCE_DIR}/tests/tool/db_test.sh ${lab})
  add_test(NAME tool.syscalls COMMAND sh ${PROJECT_SOURCE_DIR}/tests/tool/syscalls_test.sh ${lab})
  add_test(NAME tool.course COMMAND sh ${PROJECT_SOURCE_DIR}/tests/tool/course_test.sh ${lab})
  add_test(NAME tool.bench COMMAND sh ${PROJECT_SOURCE_DIR}/tests/tool/bench_test.sh ${lab})
  add_test(NAME check.01.lab COMMAND ${lab} check 01 --view lab)
  set_tests_properties(check.01.lab PROPERTIES PASS_REGULAR_EXPRESSION "not started"
                       FAIL_REGULAR_EXPRESSION "wrong;crashed;hangs;does not compile")
  add_test(NAME check.01.textbook COMMAND ${lab} check 01 --view solutions)
  add_test(NAME check.01.library COMMAND ${lab} check 01 --view library)
  # Two that need the same program or objects would both compile them. The longest begin first.
  set_tests_properties(tool.db tool.syscalls PROPERTIES RESOURCE_LOCK engine_program)
  set_tests_properties(check.01.lab check.01.textbook check.01.library PROPERTIES RESOURCE_LOCK chapter_01)
  set_tests_properties(tool.course PROPERTIES COST 100)
  set_tests_properties(tool.bench PROPERTIES COST 50)
endif()
