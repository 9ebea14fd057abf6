" SPDX-License-Identifier: Apache-2.0
if exists('b:current_syntax') | finish | endif
syntax keyword mmsbgItem graph import param const source page fn node use kernel assert event export
syntax keyword mmsbgType bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64
syntax keyword mmsbgKeyword let in if then else init for by
syntax keyword mmsbgConstant true false epoch inf nan pi
syntax match mmsbgPlace /\<\(as\|from\|symbol\|with\|edge\|clamp\|wrap\|mirror\|fill\)\>/
syntax match mmsbgFunction /\<\(abs\|sign\|min\|max\|clamp\|floor\|ceil\|round\|trunc\|sqrt\|fma\|exp\|exp2\|expm1\)\>\ze\s*(/
syntax match mmsbgFunction /\<\(log\|log2\|log10\|log1p\|pow\|mod\|sin\|cos\|tan\|asin\|acos\|atan\|atan2\)\>\ze\s*(/
syntax match mmsbgFunction /\<\(sinh\|cosh\|tanh\|erf\|erfc\|cdf\|isnan\|isfinite\|popcount\|clz\)\>\ze\s*(/
syntax match mmsbgFunction /\<\(rand_u32\|uniform\|normal\|prev\|history\)\>\ze\s*(/
syntax match mmsbgFunction /\<\(sum\|prod\|any\|all\|count\|mean\|argmin\|argmax\|dot\|matmul\|transpose\)\>\ze\s*(/
syntax match mmsbgFunction /\<\(cumsum\|cumprod\|cummin\|cummax\|sort\|argsort\|topk\|quantile\|median\)\>\ze\s*(/
syntax match mmsbgNumber /\<0x[0-9a-fA-F][0-9a-fA-F_]*\>/
syntax match mmsbgNumber /\<0b[01][01_]*\>/
syntax match mmsbgNumber /\<\d[0-9_]*\([iu]\(8\|16\|32\|64\)\|f32\|f64\)\?\>/
syntax match mmsbgFloat /\<\d[0-9_]*\.\d[0-9_]*\([eE][-+]\?\d\+\)\?\(f32\|f64\)\?\>/
syntax match mmsbgFloat /\<\d[0-9_]*[eE][-+]\?\d\+\(f32\|f64\)\?\>/
syntax match mmsbgFloat /\<0x[0-9a-fA-F_]\+\.[0-9a-fA-F_]\+[pP][-+]\?\d\+\>/
syntax region mmsbgString start=/"/ skip=/\\./ end=/"/ oneline contains=mmsbgEscape
syntax match mmsbgEscape /\\./ contained
syntax match mmsbgComment "//.*$" contains=@Spell
syntax region mmsbgComment start="/\*" end="\*/" contains=@Spell
highlight default link mmsbgItem Statement
highlight default link mmsbgType Type
highlight default link mmsbgKeyword Conditional
highlight default link mmsbgPlace StorageClass
highlight default link mmsbgConstant Constant
highlight default link mmsbgFunction Function
highlight default link mmsbgNumber Number
highlight default link mmsbgFloat Float
highlight default link mmsbgString String
highlight default link mmsbgEscape SpecialChar
highlight default link mmsbgComment Comment
let b:current_syntax = 'mmsbg'
