# SPDX-License-Identifier: Apache-2.0
# An engine of another process: attached, read, waited for. Changes are in changes.jl, as those of a graph.

# A handle of mmsb_bus.h. It lives as long as what is attached or any array on its pages; to ccall it is its address.
mutable struct BusHandle
    at::Ptr{Cvoid}
    free::Ptr{Cvoid}   # mmsb_bus_free
    BusHandle() = finalizer(bus_handle_free, new(C_NULL, symbol(:mmsb_bus_free)))
end
Base.unsafe_convert(::Type{Ptr{Cvoid}}, h::BusHandle) = h.at
bus_handle_free(h::BusHandle) = ccall(h.free, Cvoid, (Ptr{Cvoid},), h.at)

"""
An answer to a commit: its `number`, the `epoch` it made, whether the number was in the log already (`again`), and an
exception where it was rejected, else `nothing`.
"""
struct Answer
    number::Int
    epoch::Int
    again::Bool
    error::Union{Nothing,MMSBError}
end

"""
An engine of another process, made by [`attach`](@ref): `b[:price]` is a [`LivePage`](@ref), `keys(b)` the names.
"""
mutable struct Attached
    handle::BusHandle
    name::String
    pages::Dict{Symbol,PageInfo}
    order::Vector{Symbol}
    live::Dict{Symbol,Any}    # the LivePages that were asked for
    answers::Vector{Answer}   # taken, and not yet asked for
    unheard::Set{Int}         # numbers of a commit! that was interrupted: nobody asks for their answers
    lanes::Vector{UInt64}     # room for the indices of a delta
    unanswered::Int
    batches::Int
    leased::Bool
    Attached(name::String) = new(BusHandle(), name, Dict{Symbol,PageInfo}(), Symbol[],
                                 Dict{Symbol,Any}(), Answer[], Set{Int}(), UInt64[], 0, 0, false)
end

message(b::Attached) = unsafe_string(ccall(symbol(:mmsb_bus_message), Cstring, (Ptr{Cvoid},), b.handle))

function check(b::Attached, status::Integer)
    status == MMSB_OK && return nothing
    throw(error_of(status, message(b)))
end

"""
    attach(name; ring_bytes = 16 MiB, stream = 0)

Attaches to the engine that serves `name` (`mmsb-run --serve NAME`), of the same user. `ring_bytes`: room for what is
sent, a power of two up to 16 MiB; no commit is larger. `stream`: not 0: commits are logged under it with their
numbers, so that one that is sent again after a crash counts once. Throws an `AbsentError` where nobody serves `name`.
"""
function attach(name::AbstractString; ring_bytes::Integer = 16 << 20, stream::Integer = 0)
    b = Attached(String(name))
    out = Ref{Ptr{Cvoid}}(C_NULL)
    text = b.name
    GC.@preserve text begin
        o = zeroed(MmsbBusOptions; struct_size = sizeof(MmsbBusOptions), name = text_at(text),
                   ring_bytes = ring_bytes, stream = stream)
        status = ccall(symbol(:mmsb_bus_attach), Cint, (Ref{MmsbBusOptions}, Ref{Ptr{Cvoid}}), o, out)
    end
    b.handle.at = out[]
    check(b, status)
    for number in 0:Int(ccall(symbol(:mmsb_bus_page_count), UInt32, (Ptr{Cvoid},), b.handle))-1
        i = Ref(zeroed(MmsbPageInfo; struct_size = sizeof(MmsbPageInfo)))
        check(b, ccall(symbol(:mmsb_bus_page_describe), Cint, (Ptr{Cvoid}, UInt32, Ref{MmsbPageInfo}), b.handle,
                       number, i))
        info = page_info(number, i[])
        b.pages[info.name] = info
        push!(b.order, info.name)
    end
    return b
end

"""
    close(b)

Leaves the engine: ends a lease, gives the place to others. Arrays stay readable.
"""
Base.close(b::Attached) = check(b, ccall(symbol(:mmsb_bus_detach), Cint, (Ptr{Cvoid},), b.handle))

function bus_state(b::Attached)
    out = Ref(zeroed(MmsbBusState; struct_size = sizeof(MmsbBusState)))
    status = ccall(symbol(:mmsb_bus_state_read), Cint, (Ptr{Cvoid}, Ref{MmsbBusState}), b.handle, out)
    return out[], status
end

"Whether the engine is there and this is attached to it."
Base.isopen(b::Attached) = bus_state(b)[2] == MMSB_OK
"The number of the last epoch that is published."
epoch(b::Attached) = Int(ccall(symbol(:mmsb_bus_epoch), UInt64, (Ptr{Cvoid},), b.handle))
"Every epoch up to it survives power loss; 0 where the engine keeps no log."
durable_epoch(b::Attached) = Int(bus_state(b)[1].durable_epoch)
"The last number of the stream that the log had when this attached."
last_number(b::Attached) = Int(bus_state(b)[1].last_number)

pages(b::Attached) = [b.pages[name] for name in b.order]
Base.keys(b::Attached) = copy(b.order)
Base.haskey(b::Attached, name::Symbol) = haskey(b.pages, name)
Base.length(b::Attached) = length(b.order)
Base.show(io::IO, b::Attached) =
    print(io, "MMSB.Attached(", b.name, ", ", length(b), " pages, epoch ", epoch(b), ")")
Base.show(io::IO, ::MIME"text/plain", b::Attached) =
    page_table(io, "MMSB.Attached to $(b.name), epoch $(epoch(b)):", pages(b))

function page_of(b::Attached, name::Symbol)
    info = get(b.pages, name, nothing)
    info === nothing || return info
    ccall(symbol(:mmsb_bus_page_find), Cint, (Ptr{Cvoid}, Cstring, Ref{UInt32}), b.handle, String(name),
          Ref{UInt32}(0))
    throw(WrongError(message(b), nothing, nothing))
end

"""
A page of another process's engine: `p[]`, `p[i]`, `p[2:3]` and `Array(p)` copy lanes of one epoch, assignments go into
the next commit. No array: an epoch may come between any two of its reads.
"""
struct LivePage{T,N}
    owner::Attached
    number::UInt32
    name::Symbol
    size::NTuple{N,Int}
end
Base.size(p::LivePage) = p.size
Base.length(p::LivePage) = prod(p.size)
Base.eltype(::Type{<:LivePage{T}}) where {T} = T
Base.axes(p::LivePage) = map(Base.OneTo, p.size)
Base.firstindex(p::LivePage) = 1
Base.lastindex(p::LivePage) = length(p)
Base.lastindex(p::LivePage, axis::Integer) = p.size[axis]
Base.show(io::IO, p::LivePage{T}) where {T} = print(io, "MMSB.LivePage(", p.name, ", ", T, " ", p.size, ")")

live_page(::Type{T}, info::PageInfo, b::Attached) where {T} =
    LivePage{T,length(info.size)}(b, info.number, info.name, info.size)
function Base.getindex(b::Attached, name::Symbol)
    known = get(b.live, name, nothing)
    known === nothing || return known
    info = page_of(b, name)
    return b.live[name] = live_page(info.type, info, b)
end

# Lanes [first, first + length(to)), of one epoch; in a lease where epochs follow too fast.
function lanes_read!(to::Array{T}, p::LivePage{T}, first::Int) where {T}
    b = p.owner
    status = GC.@preserve to begin
        ccall(symbol(:mmsb_bus_read), Cint, (Ptr{Cvoid}, UInt32, Cint, UInt64, UInt64, Ptr{Cvoid}, Ptr{UInt64}),
              b.handle, p.number, MMSB_ANY, first, length(to), pointer(to), C_NULL)
    end
    if status == MMSB_BUSY && !b.leased && bus_state(b)[1].flags & MMSB_BUS_LEASES != 0
        lease(held -> copyto!(to, 1, held[p.name], first + 1, length(to)), b)
        return to
    end
    check(b, status)
    return to
end

Base.Array(p::LivePage{T,N}) where {T,N} = lanes_read!(Array{T,N}(undef, p.size), p, 0)
Base.collect(p::LivePage) = Array(p)
Base.getindex(p::LivePage{T,0}) where {T} = lanes_read!(Array{T}(undef, 1), p, 0)[1]
Base.getindex(p::LivePage{T}, i::Integer) where {T} = lanes_read!(Array{T}(undef, 1), p, linear(p, i) - 1)[1]
function Base.getindex(p::LivePage{T,1}, r::AbstractUnitRange{<:Integer}) where {T}
    checkbounds(LinearIndices(p.size), r)
    return isempty(r) ? T[] : lanes_read!(Array{T}(undef, length(r)), p, Int(first(r)) - 1)
end
Base.getindex(p::LivePage, indices...) = Array(p)[indices...]

"""
Pages at one epoch, by name: those of a [`lease`](@ref) are arrays in the engine's memory, those of
[`look`](@ref) move.
"""
mutable struct Leased
    owner::Attached
    at::Symbol      # the function that gives addresses; :none: the lease has ended
    epoch::Int
end
Base.keys(l::Leased) = keys(l.owner)
Base.haskey(l::Leased, name::Symbol) = haskey(l.owner, name)

function wait_for(call, b::Attached, timeout::Real)
    until = time() + timeout
    while true
        left = clamp(until - time(), 0.0, 0.02)
        status = call(round(UInt64, left * 1e9))
        status == MMSB_BUSY && time() < until || return check(b, status)
        yield()     # other tasks go on meanwhile
    end
end

"""
    wait_epoch(b, since = epoch(b); timeout = Inf)

Returns when an epoch after `since` is published; gives the one that stands then. Throws a `BusyError` where none came
within `timeout` seconds.
"""
function wait_epoch(b::Attached, since::Integer = epoch(b); timeout::Real = Inf)
    wait_for(ns -> ccall(symbol(:mmsb_bus_wait), Cint, (Ptr{Cvoid}, UInt64, UInt64), b.handle, since, ns), b,
             timeout)
    return epoch(b)
end

"""
    wait_durable(b, until = epoch(b); timeout = Inf)

Returns when the epoch survives power loss. Throws an `AbsentError` where the engine keeps no log.
"""
wait_durable(b::Attached, until::Integer = epoch(b); timeout::Real = Inf) =
    wait_for(ns -> ccall(symbol(:mmsb_bus_wait_durable), Cint, (Ptr{Cvoid}, UInt64, UInt64), b.handle, until, ns),
             b, timeout)
