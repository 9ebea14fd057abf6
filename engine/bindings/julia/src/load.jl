# SPDX-License-Identifier: Apache-2.0
# Graphs opened: from an image or a text, fresh, recovered, or as they were.

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

Opens a graph: what [`compile`](@ref) gave, or the path of a `.mmsbx` or `.mmsbg` (files that it names by `from` lie
beside it; those of a text in the current directory). `state`: a directory for log and checkpoints, recovered where it
is there. `inputs`: pairs of a source's name and its first contents, an array or the
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

image_of(path::AbstractString) = is_path(path) ? compile(path).image : nothing
image_of(c::Compiled) = c.image
image_of(::Nothing) = nothing
# `from` files lie beside it.
place_of(path::AbstractString) = String(path)
place_of(c::Compiled) = c.name
place_of(::Nothing) = nothing

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
    path = place_of(graph)
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
    if g.failure !== nothing    # of a handler: the state directory is given free
        ccall(symbol(:mmsb_close), Cint, (Ptr{Cvoid},), g.handle)
        throw(g.failure)
    end
    status == MMSB_OK || throw(error_of(status, message(g)))
    g.hear = nothing
    pages_read(g)
    return g
end

function pages_read(g::Graph)
    for number in 0:ccall(symbol(:mmsb_page_count), UInt32, (Ptr{Cvoid},), g.handle)-1
        i = Ref(zeroed(MmsbPageInfo; struct_size = sizeof(MmsbPageInfo)))
        check(g, ccall(symbol(:mmsb_page_describe), Cint, (Ptr{Cvoid}, UInt32, Ref{MmsbPageInfo}), g.handle, number,
                       i))
        info = page_info(number, i[])
        g.pages[info.name] = info
        push!(g.order, info.name)
    end
end
