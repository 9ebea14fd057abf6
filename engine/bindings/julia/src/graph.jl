# SPDX-License-Identifier: Apache-2.0
# Graphs: compiled, opened, closed.

"""
A page of a graph: `name`, `number`, element `type`, `size` (axes reversed, see `MMSB`), whether it is a `source`,
`state`, `exported`, an `event`, and the `file` and `line` of its definition.
"""
struct PageInfo
    name::Symbol
    number::UInt32
    type::DataType
    size::Tuple{Vararg{Int}}
    source::Bool
    state::Bool
    exported::Bool
    event::Bool
    file::String
    line::Int
end

"An event that fired: `name`, `epoch`, and the `values` of its `with`, a tuple."
struct Event
    name::Symbol
    epoch::Int
    values::Tuple
end

const TYPES = (Bool, Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64, Float32, Float64)

# An engine of libmmsb. It lives as long as the graph or any array on its pages; the graph, which libmmsb has as the
# context of its calls back, lives as long as the engine. Given to ccall it is its address and stays alive meanwhile.
mutable struct Handle
    at::Ptr{Cvoid}
    free::Ptr{Cvoid}   # mmsb_free
    graph::Any
    Handle() = finalizer(handle_free, new(C_NULL, symbol(:mmsb_free), nothing))
end
Base.unsafe_convert(::Type{Ptr{Cvoid}}, h::Handle) = h.at
function handle_free(h::Handle)
    h.graph === nothing || (h.graph.note = nothing)     # not out of a finalizer
    ccall(h.free, Cvoid, (Ptr{Cvoid},), h.at)
end

"""
A running graph, made by [`load`](@ref) and [`replay`](@ref): `g[:price]` is an array on a page, `keys(g)` the names.
"""
mutable struct Graph
    handle::Handle
    pages::Dict{Symbol,PageInfo}
    order::Vector{Symbol}
    arrays::Dict{Symbol,Any}    # those that were asked for: pages stay where they are
    fired::Vector{Event}
    handlers::Dict{Symbol,Vector{Any}}
    note::Any
    hear::Any        # of a replay: called with every event; nothing: handlers are
    failure::Any     # what a handler threw
    lanes::Vector{UInt64}    # room for the indices of a delta
    stepping::Bool   # inside commit! or tick!
    batches::Int
    function Graph()
        g = new(Handle(), Dict{Symbol,PageInfo}(), Symbol[], Dict{Symbol,Any}(), Event[], Dict{Symbol,Vector{Any}}(),
                nothing, nothing, nothing, UInt64[], false, 0)
        g.handle.graph = g
        return g
    end
end

message(g::Graph) = unsafe_string(ccall(symbol(:mmsb_message), Cstring, (Ptr{Cvoid},), g.handle))

function check(g::Graph, status::Integer)
    status == MMSB_OK && return nothing
    busy = "in use by another task, or by the commit! or tick! that called this handler"
    throw(error_of(status, status == MMSB_BUSY ? busy : message(g)))
end

"The bytes of an image (`.mmsbx`) and the name of its graph's file."
struct Compiled
    image::Vector{UInt8}
    name::String
end
Base.show(io::IO, c::Compiled) = print(io, "MMSB.Compiled(", c.name, ", ", length(c.image), " bytes)")
"Writes the image to a `.mmsbx` file."
Base.write(path::AbstractString, c::Compiled) = write(path, c.image)

# The installed graphs, or those of the source tree.
function graph_folders()
    above = dirname(@__DIR__)
    while true
        for folder in (joinpath(above, "share", "mmsb", "graphs"), joinpath(above, "graphs"))
            isfile(joinpath(folder, "finance.mmsbg")) && return [folder]
        end
        dirname(above) == above && return String[]
        above = dirname(above)
    end
end

# What is given as a dictionary, a named tuple, a pair, or pairs.
pairs_of(inputs::Union{AbstractDict,NamedTuple}) = pairs(inputs)
pairs_of(inputs::Pair) = (inputs,)
pairs_of(inputs) = inputs

# One line that ends with .mmsbg, which no text of a graph does.
is_path(text::AbstractString) = endswith(text, ".mmsbg") && !occursin('\n', text)

"""
    compile(path; params...)
    compile(text; name = "graph.mmsbg", params...)

Compiles a graph: `compile("risk.mmsbg"; n = 1000)`, or its text. Keywords override params; `defines = (name = 5,)` (or
pairs, or a dictionary) does so where the name is a keyword here. `folders` are where imports are looked up, after the
file's own and before the installed graphs. Throws a `WrongError` with the first place that is wrong.
"""
function compile(text::AbstractString; name::Union{Nothing,AbstractString} = nothing, defines = (), folders = (),
                 params...)
    source, file, own = String(text), something(name, "graph.mmsbg"), String[]
    if is_path(text)
        isfile(text) || throw(IOFailure("$text: there is no such file", nothing, nothing))
        source, file, own = read(source, String), something(name, source), [dirname(abspath(source))]
    end
    file = String(file)
    texts = vcat(String["$k=$v" for (k, v) in pairs_of(defines)], String["$k=$v" for (k, v) in params])
    places = vcat(own, String[String(f) for f in folders], graph_folders())
    out = Ref{Ptr{Cvoid}}(C_NULL)
    bytes = Ref{Csize_t}(0)
    GC.@preserve source file texts places begin
        define_list = [text_at(s) for s in texts]
        folder_list = [text_at(s) for s in places]
        GC.@preserve define_list folder_list begin
            o = zeroed(MmsbcOptions; struct_size = sizeof(MmsbcOptions), name = text_at(file), text = pointer(source),
                       bytes = sizeof(source), defines = Ptr{Cvoid}(pointer(define_list)),
                       define_count = length(texts), folders = Ptr{Cvoid}(pointer(folder_list)),
                       folder_count = length(places))
            status = ccall(symbol(:mmsbc_compile), Cint, (Ref{MmsbcOptions}, Ref{Ptr{Cvoid}}), o, out)
        end
    end
    try
        if status != MMSB_OK
            words = ccall(symbol(:mmsbc_diagnostics), Cstring, (Ptr{Cvoid}, Cint, Cint, Ptr{Csize_t}), out[], 1, 0,
                          C_NULL)
            throw(error_of(status, words == C_NULL ? "no words" : strip(unsafe_string(words))))
        end
        at = ccall(symbol(:mmsbc_image), Ptr{UInt8}, (Ptr{Cvoid}, Ref{Csize_t}), out[], bytes)
        return Compiled(copy(unsafe_wrap(Array, at, Int(bytes[]))), file)
    finally
        ccall(symbol(:mmsbc_free), Cvoid, (Ptr{Cvoid},), out[])
    end
end

function page_info(number::Integer, info::MmsbPageInfo)
    dims = reverse(Int.(info.dims[1:info.axes]))
    return PageInfo(Symbol(unsafe_string(info.name)), number, TYPES[info.type+1], dims,
                    info.flags & MMSB_PAGE_SOURCE != 0, info.flags & MMSB_PAGE_STATE != 0,
                    info.flags & MMSB_PAGE_EXPORTED != 0, info.flags & MMSB_PAGE_EVENT != 0, unsafe_string(info.file),
                    info.line)
end

"""
    close(g)

Syncs, writes the closing checkpoint, gives the directory free. Arrays stay readable.
"""
function Base.close(g::Graph)
    check(g, ccall(symbol(:mmsb_close), Cint, (Ptr{Cvoid},), g.handle))
end

"The graph's pages, in its order."
pages(g::Graph) = [g.pages[name] for name in g.order]

Base.keys(g::Graph) = copy(g.order)
Base.haskey(g::Graph, name::Symbol) = haskey(g.pages, name)
Base.length(g::Graph) = length(g.order)

Base.show(io::IO, p::PageInfo) = print(io, p.name, ": ", kind_of(p))
kind_of(p::PageInfo) = string(p.type, isempty(p.size) ? "" : " " * join(p.size, " × "),
                              p.source ? ", source" : p.state ? ", state" : p.event ? ", event" : "")
Base.show(io::IO, e::Event) = print(io, e.name, e.values, " in epoch ", e.epoch)
Base.show(io::IO, g::Graph) = print(io, "MMSB.Graph(", length(g), " pages, epoch ", epoch(g), ")")
Base.show(io::IO, ::MIME"text/plain", g::Graph) = page_table(io, "MMSB.Graph, epoch $(epoch(g)):", pages(g))

# A line for each page; as many as the terminal has room for.
function page_table(io::IO, title::AbstractString, list)
    print(io, title)
    room = get(io, :limit, false) ? max(4, displaysize(io)[1] - 5) : typemax(Int)
    width = mapreduce(p -> textwidth(String(p.name)), max, list; init = 16)
    for p in Iterators.take(list, length(list) <= room ? room : room - 1)
        print(io, "\n  ", rpad(String(p.name), width), " ", kind_of(p))
    end
    length(list) <= room || print(io, "\n  … and ", length(list) - room + 1, " more")
end
