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

# An engine of libmmsb. It lives as long as the graph or any array on its pages.
mutable struct Handle
    at::Ptr{Cvoid}
    free::Ptr{Cvoid}   # mmsb_free
    Handle() = finalizer(handle_free, new(C_NULL, symbol(:mmsb_free)))
end
handle_free(h::Handle) = ccall(h.free, Cvoid, (Ptr{Cvoid},), h.at)

"""
A running graph, made by [`load`](@ref) and [`replay`](@ref): `g[:price]` is an array on a page, `keys(g)` the names.
"""
mutable struct Graph
    handle::Handle
    pages::Dict{Symbol,PageInfo}
    order::Vector{Symbol}
    fired::Vector{Event}
    handlers::Dict{Symbol,Vector{Any}}
    note::Any
    hear::Any        # of a replay: called with every event; nothing: handlers are
    failure::Any     # what a handler threw
    stepping::Bool   # inside commit! or tick!
    batches::Int
    Graph() = new(Handle(), Dict{Symbol,PageInfo}(), Symbol[], Event[], Dict{Symbol,Vector{Any}}(), nothing, nothing,
                  nothing, false, 0)
end

message(g::Graph) = unsafe_string(ccall(symbol(:mmsb_message), Cstring, (Ptr{Cvoid},), g.handle.at))

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

"""
    compile(text; name = "graph.mmsbg", defines = (), folders = ())

Compiles the text of a graph. `defines` overrides params (`(n = 1000,)` or pairs), `folders` are where imports are
looked up (the installed graphs come last). Throws a `WrongError` with the first place that is wrong.
"""
function compile(text::AbstractString; name::AbstractString = "graph.mmsbg", defines = (), folders = ())
    source, file = String(text), String(name)
    texts = String["$k=$v" for (k, v) in pairs_of(defines)]
    places = String[String(f) for f in Iterators.flatten((folders, graph_folders()))]
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

const DURABILITIES = (batch = MMSB_DURABLE_BATCH, none = MMSB_DURABLE_NONE, epoch = MMSB_DURABLE_EPOCH,
                      sealed = MMSB_DURABLE_SEALED)
const EXECUTORS = (vm = MMSB_EXECUTOR_VM, native = MMSB_EXECUTOR_NATIVE, auto = MMSB_EXECUTOR_AUTO,
                   cuda = MMSB_EXECUTOR_CUDA)

function choice(table, what, wanted::Symbol)
    haskey(table, wanted) && return table[wanted]
    throw(UsageError("$what is one of $(join(keys(table), ", ")), not $wanted", nothing, nothing))
end

"""
    load(graph; state = nothing, inputs = (), durability = :batch, executor = :vm, threads = 1, checkpoint_epochs = 0,
         audit_epochs = 0, oracle_epochs = 0, allow_kernels = false, migrate = false, note = nothing)

Opens a graph: what [`compile`](@ref) gave, or the path of a `.mmsbx` or `.mmsbg`. `state`: a directory for log and
checkpoints, recovered where it is there. `inputs`: pairs of a source's name and its first contents, an array or the
path of a `.npy` or `.csv`. `durability`: `:batch`, `:none`, `:epoch`, `:sealed`; `executor`: `:vm`, `:native`, `:auto`,
`:cuda`. `note`: a function that is called with lines for a person.
"""
function load(graph; inputs = (), note = nothing, allow_kernels::Bool = false, migrate::Bool = false, given...)
    g = Graph()
    g.note = note
    flags = (allow_kernels ? MMSB_ALLOW_KERNELS : 0) | (migrate ? MMSB_MIGRATE : 0)
    return opened(g, graph, nothing, inputs, flags; given...)
end

"""
    replay(state; to = nothing, graph = nothing, note = nothing, executor = :vm, threads = 1, allow_kernels = false)
    replay(hear, state; ...)

The state directory as it was at the end of epoch `to` (its last), run again from its log; `hear` is called with every
event. The directory is only read, and what is committed then is kept nowhere.
"""
function replay(hear, state::AbstractString; to::Union{Nothing,Integer} = nothing, graph = nothing, note = nothing,
                allow_kernels::Bool = false, given...)
    g = Graph()
    g.note, g.hear = note, hear
    last = to === nothing ? typemax(UInt64) : UInt64(to)
    return opened(g, graph, last, (), allow_kernels ? MMSB_ALLOW_KERNELS : 0; state = state, given...)
end
replay(state::AbstractString; given...) = replay(nothing, state; given...)

function image_of(path::AbstractString)
    endswith(path, ".mmsbg") || return nothing
    return compile(read(path, String); name = path, folders = (dirname(abspath(path)),)).image
end
image_of(c::Compiled) = c.image
image_of(::Nothing) = nothing

# A row of mmsb_input, and what must stay alive.
function input_row(name, path::AbstractString)
    kept = (String(name), String(path))
    return zeroed(MmsbInput; page = text_at(kept[1]), path = text_at(kept[2])), kept
end
function input_row(name, values::AbstractArray{T}) where {T}
    type = findfirst(==(T), TYPES)
    type === nothing && throw(UsageError("$name: no page has elements of $T", nothing, nothing))
    kept = (String(name), Array{T}(values))
    return zeroed(MmsbInput; page = text_at(kept[1]), lanes = Ptr{Cvoid}(pointer(kept[2])),
                  lane_bytes = sizeof(kept[2]), type = type - 1), kept
end
input_row(name, value::Number) = input_row(name, fill(value))

function opened(g::Graph, graph, to::Union{Nothing,UInt64}, inputs, flags::Integer; state = nothing,
                durability::Symbol = :batch, executor::Symbol = :vm, threads::Integer = 1,
                checkpoint_epochs::Integer = 0, audit_epochs::Integer = 0, oracle_epochs::Integer = 0)
    image = image_of(graph)
    path = image === nothing && graph !== nothing ? String(graph) : nothing
    folder = state === nothing ? nothing : String(state)
    rows = Any[input_row(name, value) for (name, value) in pairs_of(inputs)]
    list = MmsbInput[row[1] for row in rows]
    out = Ref{Ptr{Cvoid}}(C_NULL)
    GC.@preserve g image path folder rows list begin
        o = zeroed(MmsbOptions; struct_size = sizeof(MmsbOptions), flags = flags, path = text_at(path),
                   image = image === nothing ? C_NULL : Ptr{Cvoid}(pointer(image)),
                   image_bytes = image === nothing ? 0 : length(image), state = text_at(folder),
                   inputs = Ptr{Cvoid}(pointer(list)), input_count = length(list),
                   durability = choice(DURABILITIES, "durability", durability),
                   executor = choice(EXECUTORS, "executor", executor), threads = threads,
                   checkpoint_epochs = checkpoint_epochs, audit_epochs = audit_epochs, oracle_epochs = oracle_epochs,
                   on_event = @cfunction(hear_event, Cint, (Ptr{Cvoid}, Ptr{MmsbEvent})),
                   event_context = pointer_from_objref(g),
                   note = g.note === nothing ? C_NULL : @cfunction(hear_note, Cvoid, (Ptr{Cvoid}, Ptr{UInt8})),
                   note_context = pointer_from_objref(g))
        status = if to === nothing
            ccall(symbol(:mmsb_open), Cint, (Ref{MmsbOptions}, Ref{Ptr{Cvoid}}), o, out)
        else
            ccall(symbol(:mmsb_replay), Cint, (Ref{MmsbOptions}, UInt64, Ref{Ptr{Cvoid}}), o, to, out)
        end
    end
    g.handle.at = out[]
    g.failure === nothing || throw(g.failure)
    status == MMSB_OK || throw(error_of(status, message(g)))
    g.hear = nothing
    pages_read(g)
    return g
end

pairs_of(inputs::Union{AbstractDict,NamedTuple}) = pairs(inputs)
pairs_of(inputs::Pair) = (inputs,)
pairs_of(inputs) = inputs

function pages_read(g::Graph)
    for number in 0:ccall(symbol(:mmsb_page_count), UInt32, (Ptr{Cvoid},), g.handle.at)-1
        i = Ref(zeroed(MmsbPageInfo; struct_size = sizeof(MmsbPageInfo)))
        check(g, ccall(symbol(:mmsb_page_describe), Cint, (Ptr{Cvoid}, UInt32, Ref{MmsbPageInfo}), g.handle.at, number,
                       i))
        info = page_info(number, i[])
        g.pages[info.name] = info
        push!(g.order, info.name)
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
    check(g, ccall(symbol(:mmsb_close), Cint, (Ptr{Cvoid},), g.handle.at))
end

"The graph's pages, in its order."
pages(g::Graph) = [g.pages[name] for name in g.order]

Base.keys(g::Graph) = copy(g.order)
Base.haskey(g::Graph, name::Symbol) = haskey(g.pages, name)
Base.length(g::Graph) = length(g.order)
Base.show(io::IO, g::Graph) = print(io, "MMSB.Graph(", length(g), " pages, epoch ", epoch(g), ")")
function Base.show(io::IO, ::MIME"text/plain", g::Graph)
    println(io, "MMSB.Graph, epoch ", epoch(g), ":")
    for info in pages(g)
        size = join((" $n" for n in info.size), " ×")
        println(io, "  ", rpad(String(info.name), 16), " ", info.type, size,
                info.source ? ", source" : info.state ? ", state" : info.event ? ", event" : "")
    end
end
