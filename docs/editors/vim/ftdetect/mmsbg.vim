" SPDX-License-Identifier: Apache-2.0
autocmd BufNewFile,BufRead *.mmsbg setfiletype mmsbg
