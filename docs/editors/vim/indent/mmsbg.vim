" SPDX-License-Identifier: Apache-2.0
" An item starts at the margin of its block; what continues an item stands two columns further in.
if exists('b:did_indent') | finish | endif
let b:did_indent = 1
setlocal indentexpr=MmsbgIndent() indentkeys=0},!^F,o,O,e,=page,=source,=event,=assert,=export,=use,=fn,=node,=param,=const
let b:undo_indent = 'setlocal indentexpr< indentkeys<'
if exists('*MmsbgIndent') | finish | endif
let s:item = '^\s*\(graph\|import\|param\|const\|source\|page\|fn\|node\|use\|kernel\|assert\|event\|export\)\>'

function! MmsbgIndent() abort
  let depth = 0
  for row in range(1, v:lnum - 1)
    let text = substitute(getline(row), '//.*', '', '')
    let depth += count(text, '{') - count(text, '}')
  endfor
  let here = getline(v:lnum)
  if here =~# '^\s*}'
    return max([0, depth - 1]) * shiftwidth()
  endif
  let before = prevnonblank(v:lnum - 1)
  let opens = before > 0 && getline(before) =~# '{\s*\(//.*\)\?$'
  let starts = here =~# s:item || here =~# '^\s*//' || here =~# '^\s*$' || before == 0 || opens
  return (depth + (starts ? 0 : 1)) * shiftwidth()
endfunction
