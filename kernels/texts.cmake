# SPDX-License-Identifier: Apache-2.0
# Writes the texts of headers into a C file, as kernels/texts.h declares them.
# usage: cmake -DFOLDER=kernels -DOUT=texts.c -P texts.cmake
set(rows "")
set(arrays "")
foreach(name device elementary elementary_error elementary_inverse meaning convert)
  file(READ ${FOLDER}/${name}.h bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" bytes "${bytes}")
  string(APPEND arrays "static const unsigned char text_${name}[] = {\n${bytes}0};\n")
  string(APPEND rows "    {\"${name}.h\", (const char *)text_${name}},\n")
endforeach()
file(WRITE ${OUT} "/* Made by kernels/texts.cmake. */\n#include \"texts.h\"\n${arrays}const kernel_text kernel_texts[] = {\n${rows}    {0, 0}};\n")
