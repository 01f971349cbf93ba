# s390x: big-endian, and char is unsigned. The tests run under qemu.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR s390x)
find_program(s390x_compiler NAMES s390x-linux-gnu-g++ s390x-linux-gnu-g++-13 s390x-linux-gnu-g++-12
                                  s390x-linux-gnu-g++-11)
find_program(s390x_emulator NAMES qemu-s390x qemu-s390x-static)
if(NOT s390x_compiler OR NOT s390x_emulator)
  message(FATAL_ERROR "s390x needs a cross compiler and an emulator: g++-s390x-linux-gnu (or g++-11-s390x-linux-gnu) "
                      "and qemu-user")
endif()
set(CMAKE_CXX_COMPILER ${s390x_compiler})
set(CMAKE_CROSSCOMPILING_EMULATOR ${s390x_emulator} -L /usr/s390x-linux-gnu)
