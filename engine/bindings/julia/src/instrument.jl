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

[`feed`](@ref MMSB.Instrument.feed) does so whenever the function that makes a page's values is another one.
"""
module Instrument

using ..MMSB: PageArray, LivePage, Graph, Attached, UsageError, whole_set

usage(words) = UsageError(words, nothing, nothing)
const Bytes = Union{PageArray{UInt8,1},LivePage{UInt8,1}}

export @page_ir, page_ir, page_ir!, feed

# What the compiler has after a stage, and the type of its result.
function code_of(f, types, stage::Symbol)
    stage in (:lowered, :typed, :optimized) ||
        throw(usage("a stage is one of lowered, typed, optimized, not $stage"))
    found = stage === :lowered ? code_lowered(f, types) : code_typed(f, types; optimize = stage === :optimized)
    length(found) == 1 || throw(usage("$f has $(length(found)) methods for $types: name concrete types"))
    return stage === :lowered ? (found[1], "") : (first(found[1]), last(found[1]))
end

"""
    page_ir!(page, f, types; stage = :optimized, feeds = ())

Queues a delta that makes a vector page of `u8` hold the IR of the method of `f` for `types`: lines `name: value` that
say where it comes from, an empty line, the IR, zeros. `stage`: `:lowered`, `:typed` or `:optimized`; `feeds`: names of
pages whose values the function makes. Throws a `UsageError` where it does not fit or where not exactly one method is
meant.
"""
function page_ir!(page::Bytes, f, types::Type{<:Tuple}; stage::Symbol = :optimized, feeds = ())
    code, result = code_of(f, types, stage)
    method = which(f, types)
    provenance = ("function" => method.name, "types" => types, "result" => result, "module" => method.module,
                  "file" => method.file, "line" => method.line, "stage" => stage, "feeds" => join(feeds, " "),
                  "julia" => VERSION)
    text = string(("$name: $value\n" for (name, value) in provenance)..., "\n", code, "\n")
    bytes = codeunits(text)
    length(bytes) <= length(page) ||
        throw(usage("the IR takes $(length(bytes)) bytes, the page $(page.name) has $(length(page))"))
    lanes = zeros(UInt8, length(page))
    copyto!(lanes, bytes)
    whole_set(page, lanes)
    return nothing
end

"""
    page_ir(page)

What [`page_ir!`](@ref) put on a page, as of the last epoch: a named tuple of `provenance`, a dictionary, and `text`.
"""
function page_ir(page::Bytes)
    text = String(UInt8[b for b in Array(page) if b != 0])
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

mutable struct Fed{F,G}
    f::F
    owner::G
    page::Symbol
    ir::Symbol
    stage::Symbol
    method::Any     # of the last call,
    types::Any      # and its arguments' types
    world::UInt     # where the method was looked up
end
Base.show(io::IO, h::Fed) = print(io, "MMSB.Instrument.feed(", h.f, ", ", h.page, "; ir = ", h.ir, ")")

"""
    feed(f, g, page; ir, stage = :optimized)

A function that gives what `f` gives and queues it for `page`, one value for all elements or an array of its size. With
the first values, and then whenever another method makes them (`f` was redefined, or has arguments of other types), it
also queues that method's IR for the page `ir`, so that both are of one epoch: the log tells which code made a value.
"""
function feed(f, g::Union{Graph,Attached}, page::Symbol; ir::Symbol, stage::Symbol = :optimized)
    g[ir] isa Bytes || throw(usage("$ir is no vector page of u8"))
    g[page]     # it is there
    return Fed{typeof(f),typeof(g)}(f, g, page, ir, stage, nothing, nothing, UInt(0))
end

function (h::Fed)(arguments...)
    given = h.f(arguments...)
    whole_set(h.owner[h.page], given)
    record(h, Tuple{map(Core.Typeof, arguments)...})
    return given
end

# Nothing was defined since, and the types are the same: nothing is looked up.
function record(h::Fed, types::Type)
    world = Base.get_world_counter()
    world == h.world && types === h.types && return nothing
    method = which(h.f, types)
    if method !== h.method || types !== h.types
        page_ir!(h.owner[h.ir], h.f, types; stage = h.stage, feeds = (h.page,))
    end
    h.method, h.types, h.world = method, types, world
    return nothing
end

end
