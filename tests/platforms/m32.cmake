# m32: the 32-bit side of an x86-64 machine, where sizes and pointers have four bytes.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR i686)
set(CMAKE_CXX_COMPILER g++)
set(CMAKE_CXX_FLAGS_INIT -m32)
if(EXISTS /usr/include/x86_64-linux-gnu/asm)  # where the package gcc-multilib would link to
  string(APPEND CMAKE_CXX_FLAGS_INIT " -idirafter /usr/include/x86_64-linux-gnu")
endif()
