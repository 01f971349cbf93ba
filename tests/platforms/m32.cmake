# m32: the 32-bit side of an x86-64 machine, where sizes and pointers have four bytes.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR i686)
set(CMAKE_CXX_COMPILER g++)
set(CMAKE_CXX_FLAGS_INIT -m32)
if(EXISTS /usr/include/x86_64-linux-gnu/asm)  # where the package gcc-multilib would link to
  string(APPEND CMAKE_CXX_FLAGS_INIT " -idirafter /usr/include/x86_64-linux-gnu")
endif()
# Some virtual machines run no 32-bit programs, whatever their processor could: qemu does it for them.
execute_process(COMMAND /lib/ld-linux.so.2 --version RESULT_VARIABLE has_failed OUTPUT_QUIET ERROR_QUIET)
if(NOT has_failed EQUAL 0)
  set(CMAKE_CROSSCOMPILING_EMULATOR qemu-i386)
  # It passes on the 64-bit places of a folder's entries, for which a narrow off_t has no room.
  string(APPEND CMAKE_CXX_FLAGS_INIT " -D_FILE_OFFSET_BITS=64")
endif()
