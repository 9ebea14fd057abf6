# SPDX-License-Identifier: Apache-2.0
# Writes nvcc's PTX into a C file, as kernels/cuda_text.h declares it: without its head (the kernels
# that it is put before are for any processor from sm_75 on), and with names that do not depend on
# where it was compiled.
# usage: cmake -DPTX=kernel_cuda.ptx -DOUT=cuda_text.c -P cuda_text.cmake
set(bytes "0")
if(PTX)
  file(READ ${PTX} text)
  string(REGEX REPLACE "//[^\n]*\n" "\n" text "${text}")
  string(REGEX REPLACE "\n[ \t]*\\.(version|target|address_size)[^\n]*" "" text "${text}")
  string(REGEX REPLACE "_ZZN[0-9A-Za-z_]*two_over_pi" "mmsb_two_over_pi" text "${text}")
  string(REGEX REPLACE "\n\n+" "\n" text "${text}")
  file(WRITE ${OUT}.ptx "${text}")
  file(READ ${OUT}.ptx bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" bytes "${bytes}")
  string(APPEND bytes "0")
endif()
file(WRITE ${OUT} "/* Made by kernels/cuda_text.cmake. */\n#include \"cuda_text.h\"\nconst unsigned char kernel_cuda_text[] = {\n${bytes}};\n")
