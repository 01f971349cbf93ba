# bench.cmake: `labs/lab bench`: one program for each engine that is here, compiled as a user would.
# Nothing of the tests' flags: no asserts and no sanitizer.
add_library(bench_harness OBJECT EXCLUDE_FROM_ALL tests/bench/worker.cpp tests/bench/workloads.cpp)
target_link_libraries(bench_harness PRIVATE lsmith)
target_compile_options(bench_harness PRIVATE -O2)
target_compile_definitions(bench_harness PRIVATE NDEBUG)

# What the machine can do at best.
add_executable(bench.machine EXCLUDE_FROM_ALL tests/bench/machine.cpp)
target_link_libraries(bench.machine PRIVATE lsmith)
target_compile_options(bench.machine PRIVATE -O2)

function(lsmith_bench engine store)
  add_executable(bench.${engine} EXCLUDE_FROM_ALL tests/bench/stores/${store}.cpp)
  target_link_libraries(bench.${engine} PRIVATE bench_harness lsmith ${ARGN})
  target_compile_options(bench.${engine} PRIVATE -O2)
  target_compile_definitions(bench.${engine} PRIVATE NDEBUG)
endfunction()

# The library; all of the textbook over it; what the student has begun over it.
lsmith_bench(lsmith lsmith)
if(solutions)
  lsmith_bench(textbook lsmith)
  target_include_directories(bench.textbook BEFORE PRIVATE ${solutions})
endif()
list(TRANSFORM labs REPLACE "^labs" "labs/mine" OUTPUT_VARIABLE mine)
foreach(folder IN LISTS mine)
  if(IS_DIRECTORY ${PROJECT_SOURCE_DIR}/${folder}/lsmith)
    if(NOT TARGET bench.mine)
      lsmith_bench(mine lsmith)
    endif()
    target_include_directories(bench.mine BEFORE PRIVATE ${folder})
  endif()
endforeach()

# A peer, where it is installed or below CMAKE_PREFIX_PATH. It is looked for anew each time: one that
# was compiled for this machine takes the place of the distribution's.
function(lsmith_bench_peer engine header library)
  string(TOUPPER BENCH_${engine} name)
  unset(${name}_INCLUDE CACHE)
  unset(${name}_LIBRARY CACHE)
  find_path(${name}_INCLUDE ${header})
  find_library(${name}_LIBRARY ${library})
  if(${name}_INCLUDE AND ${name}_LIBRARY)
    lsmith_bench(${engine} ${engine} ${${name}_LIBRARY} ${CMAKE_DL_LIBS})
    target_include_directories(bench.${engine} SYSTEM PRIVATE ${${name}_INCLUDE})
  endif()
endfunction()
lsmith_bench_peer(leveldb leveldb/db.h leveldb)
lsmith_bench_peer(rocksdb rocksdb/db.h rocksdb)
lsmith_bench_peer(lmdb lmdb.h lmdb)
