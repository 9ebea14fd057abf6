" SPDX-License-Identifier: Apache-2.0
let current_compiler = 'mmsbc'
CompilerSet makeprg=mmsbc\ --check\ --error-format\ short\ %:S
CompilerSet errorformat=%f:%l:%c:\ %trror%m,%f:%l:%c:\ %tarning%m,%f:%l:%c:\ %m
