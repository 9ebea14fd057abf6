# SPDX-License-Identifier: Apache-2.0
# Pages as arrays, and copies of them.

"""
Pages at one epoch: `s[:total]` is an array that cannot be assigned to, which any task may read and which outlives the
graph. Made by [`snapshot`](@ref).
"""
mutable struct Snapshot
    at::Ptr{Cvoid}
    free::Ptr{Cvoid}   # mmsb_snapshot_free
    epoch::Int
    pages::Dict{Symbol,PageInfo}
    Snapshot(at::Ptr{Cvoid}, epoch::Integer, pages::Dict{Symbol,PageInfo}) =
        finalizer(snapshot_free, new(at, symbol(:mmsb_snapshot_free), epoch, pages))
end
Base.unsafe_convert(::Type{Ptr{Cvoid}}, s::Snapshot) = s.at
snapshot_free(s::Snapshot) = ccall(s.free, Cvoid, (Ptr{Cvoid},), s.at)

"""
    PageArray{T,N} <: DenseArray{T,N}

An array on the lanes of a page, without a copy. It holds its graph (or snapshot, or bus), so the memory stays as long
as the array does. It shows the last epoch; assignments queue deltas, which the next `commit!` makes an epoch of. Axes
are reversed: a page `f64[h, w]` has size `(w, h)`. `copy(a)` is an `Array`.
"""
struct PageArray{T,N} <: DenseArray{T,N}
    at::Ptr{T}
    size::NTuple{N,Int}
    owner::Union{Graph,Snapshot,Leased}
    number::UInt32
    name::Symbol
end

Base.size(a::PageArray) = a.size
Base.IndexStyle(::Type{<:PageArray}) = IndexLinear()
Base.elsize(::Type{<:PageArray{T}}) where {T} = sizeof(T)
Base.strides(a::PageArray) = Base.front(cumprod((1, a.size...)))
Base.unsafe_convert(::Type{Ptr{T}}, a::PageArray{T}) where {T} = a.at

@inline function Base.getindex(a::PageArray, i::Int)
    @boundscheck checkbounds(a, i)
    return GC.@preserve a unsafe_load(a.at, i)
end

# The words of libmmsb, which propose another name.
function no_page(g::Graph, name::Symbol)
    ccall(symbol(:mmsb_page_find), Cint, (Ptr{Cvoid}, Cstring, Ref{UInt32}), g.handle, String(name), Ref{UInt32}(0))
    return WrongError(message(g), nothing, nothing)
end

function Base.getindex(g::Graph, name::Symbol)
    known = get(g.arrays, name, nothing)
    known === nothing || return known
    info = get(g.pages, name, nothing)
    info === nothing && throw(no_page(g, name))
    at = ccall(symbol(:mmsb_view), Ptr{Cvoid}, (Ptr{Cvoid}, UInt32, Cint), g.handle, info.number, MMSB_ANY)
    at == C_NULL && throw(error_of(MMSB_USAGE, message(g)))
    return g.arrays[name] = page_array(info.type, at, info, g)
end

page_array(::Type{T}, at, info, owner) where {T} =
    PageArray{T,length(info.size)}(Ptr{T}(at), info.size, owner, info.number, info.name)

"""
    snapshot(g, names...)

A copy of these pages (of all, where none is named) at this epoch.
"""
function snapshot(g::Graph, names::Symbol...)
    for name in names
        haskey(g.pages, name) || throw(no_page(g, name))
    end
    chosen = isempty(names) ? g.order : collect(names)
    numbers = UInt32[g.pages[name].number for name in chosen]
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(g, ccall(symbol(:mmsb_snapshot_take), Cint, (Ptr{Cvoid}, Ptr{UInt32}, UInt32, Ref{Ptr{Cvoid}}), g.handle,
                   numbers, length(numbers), out))
    at_epoch = ccall(symbol(:mmsb_snapshot_epoch), UInt64, (Ptr{Cvoid},), out[])
    return Snapshot(out[], at_epoch, Dict(name => g.pages[name] for name in chosen))
end

function Base.getindex(s::Snapshot, name::Symbol)
    info = get(s.pages, name, nothing)
    info === nothing && throw(WrongError("the snapshot has no page `$name`", nothing, nothing))
    at = ccall(symbol(:mmsb_snapshot_view), Ptr{Cvoid}, (Ptr{Cvoid}, UInt32, Cint), s, info.number, MMSB_ANY)
    return page_array(info.type, at, info, s)
end
Base.keys(s::Snapshot) = collect(keys(s.pages))
Base.haskey(s::Snapshot, name::Symbol) = haskey(s.pages, name)
Base.show(io::IO, ::MIME"text/plain", s::Snapshot) =
    page_table(io, "MMSB.Snapshot, epoch $(s.epoch):", sort!(collect(values(s.pages)); by = p -> p.number))
Base.show(io::IO, s::Snapshot) = print(io, "MMSB.Snapshot(", length(s.pages), " pages, epoch ", s.epoch, ")")
