# SPDX-License-Identifier: Apache-2.0
"""
Puts what Julia's compiler made of a function on a page, with its provenance, so that the graph computes over it and
the log keeps its history:

```julia
g = load(compile("source ir: u8[65536]\\npage size = count(ir != 0)"))
f(x) = 2x + 1
MMSB.Instrument.@page_ir g[:ir] f(1.0)
commit!(g)
MMSB.Instrument.page_ir(g[:ir]).text     # the typed SSA IR
```
"""
module Instrument

using ..MMSB: PageArray, UsageError

usage(words) = UsageError(words, nothing, nothing)

export @page_ir, page_ir, page_ir!

"""
    page_ir!(page, f, types; optimize = true)

Queues a delta that makes a vector page of `u8` hold the typed IR of the method of `f` for `types`: lines
`name: value` that say where it comes from, an empty line, the IR, zeros. Throws a `UsageError` where it does not fit or
where not exactly one method is meant.
"""
function page_ir!(page::PageArray{UInt8,1}, f, types::Type{<:Tuple}; optimize::Bool = true)
    found = Base.code_typed(f, types; optimize = optimize)
    length(found) == 1 || throw(usage("$f has $(length(found)) methods for $types: name concrete types"))
    code, result = only(found)
    method = Base.which(f, types)
    provenance = ("function" => method.name, "types" => types, "result" => result, "module" => method.module,
                  "file" => method.file, "line" => method.line, "optimized" => optimize, "julia" => VERSION)
    text = string(("$name: $value\n" for (name, value) in provenance)..., "\n", code, "\n")
    bytes = codeunits(text)
    length(bytes) <= length(page) ||
        throw(usage("the IR takes $(length(bytes)) bytes, the page $(page.name) has $(length(page))"))
    lanes = zeros(UInt8, length(page))
    copyto!(lanes, bytes)
    page[1:length(page)] = lanes
    return nothing
end

"""
    page_ir(page)

What [`page_ir!`](@ref) put on a page, as of the last epoch: a named tuple of `provenance`, a dictionary, and `text`.
"""
function page_ir(page::PageArray{UInt8,1})
    text = String(UInt8[b for b in page if b != 0])
    cut = findfirst("\n\n", text)
    cut === nothing && return (provenance = Dict{String,String}(), text = text)
    rows = split(text[1:prevind(text, first(cut))], '\n')
    provenance = Dict{String,String}(String(row[1]) => String(row[2]) for row in split.(rows, ": "; limit = 2))
    return (provenance = provenance, text = text[last(cut)+1:end])
end

"""
    @page_ir page f(arguments...)

[`page_ir!`](@ref) of the method that the call would take. The arguments are evaluated, the call is not made.
"""
macro page_ir(page, call)
    Meta.isexpr(call, :call) && !any(a -> Meta.isexpr(a, (:parameters, :kw, Symbol("..."))), call.args) ||
        throw(ArgumentError("write a page and a call without keywords: @page_ir g[:ir] f(1.0)"))
    arguments = map(esc, call.args[2:end])
    return quote
        page_ir!($(esc(page)), $(esc(call.args[1])), Tuple{map(Core.Typeof, ($(arguments...),))...})
    end
end

end
