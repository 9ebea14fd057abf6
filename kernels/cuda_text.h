/* SPDX-License-Identifier: Apache-2.0
 * cuda_text: kernel_cuda.cu as PTX text without a head: .func of the math functions, .entry of the
 * kernels that move blocks. Empty where the build had no nvcc: then there is no CUDA executor. */
#ifndef MMSB_KERNEL_CUDA_TEXT_H
#define MMSB_KERNEL_CUDA_TEXT_H
extern const unsigned char kernel_cuda_text[];
#endif
