# SPDX-License-Identifier: Apache-2.0
# What is queued for the next commit. Indices are Julia's: from 1, axes reversed.

const KINDS = (set = MMSB_SET, add = MMSB_ADD, min = MMSB_MIN, max = MMSB_MAX, and = MMSB_AND, or = MMSB_OR,
               xor = MMSB_XOR)

# What is assigned to: a page of a graph, or of a bus.
const Page{T} = Union{PageArray{T},LivePage{T}}

graph_of(a::PageArray) = owner_graph(a.owner, a.name)
graph_of(a::LivePage) = a.owner
owner_graph(g::Graph, ::Symbol) = g
owner_graph(::Snapshot, name::Symbol) =
    throw(UsageError("a snapshot does not change: assign to g[:$name] and commit!(g)", nothing, nothing))

# Of the one that is called for every element, the address is kept.
const SET, BUS_SET = Ref(C_NULL), Ref(C_NULL)
set_function(::Graph) = SET[] == C_NULL ? (SET[] = symbol(:mmsb_set)) : SET[]
set_function(::Attached) = BUS_SET[] == C_NULL ? (BUS_SET[] = symbol(:mmsb_bus_set)) : BUS_SET[]
scatter_function(::Graph) = symbol(:mmsb_scatter)
scatter_function(::Attached) = symbol(:mmsb_bus_scatter)
mask_function(::Graph) = symbol(:mmsb_mask)
mask_function(::Attached) = symbol(:mmsb_bus_mask)

# Lanes [first, first + count) get values: count of them, or one for all.
function queue(a::Page{T}, kind::Integer, first::Int, count::Int, values::DenseArray{T}) where {T}
    g = graph_of(a)
    count == 0 && return nothing
    status = GC.@preserve values begin
        ccall(set_function(g), Cint, (Ptr{Cvoid}, UInt32, Cint, UInt64, UInt64, Ptr{Cvoid}, UInt64), g.handle,
              a.number, kind, first, count, pointer(values), length(values))
    end
    return check(g, status)
end
function queue_one(a::Page{T}, kind::Integer, first::Int, count::Int, value::T) where {T}
    g = graph_of(a)
    count == 0 && return nothing
    return check(g, ccall(set_function(g), Cint, (Ptr{Cvoid}, UInt32, Cint, UInt64, UInt64, Ref{T}, UInt64),
                          g.handle, a.number, kind, first, count, Ref(value), 1))
end

@inline function Base.setindex!(a::PageArray{T}, value, i::Int) where {T}
    @boundscheck checkbounds(a, i)
    queue_one(a, MMSB_SET, i - 1, 1, convert(T, value))
    return a
end
function Base.setindex!(p::LivePage, value, indices...)
    update(p, MMSB_SET, value, isempty(indices) ? 1 : length(indices) == 1 ? indices[1] : CartesianIndex(indices...))
    return p
end

# A range of a vector is one delta.
function Base.setindex!(a::PageArray{T,1}, values::AbstractArray, r::AbstractUnitRange{<:Integer}) where {T}
    checkbounds(a, r)
    length(values) == length(r) || throw(DimensionMismatch("$(length(values)) values for $(length(r)) elements"))
    queue(a, MMSB_SET, Int(first(r)) - 1, length(r), collect_as(T, values))
    return a
end

function Base.fill!(a::Page{T}, value) where {T}
    queue_one(a, MMSB_SET, 0, length(a), convert(T, value))
    return a
end

# `g[:price] .= f.(x)`: one delta of the whole page.
function Base.copyto!(a::PageArray{T}, b::Broadcast.Broadcasted{Nothing}) where {T}
    axes(a) == axes(b) || throw(DimensionMismatch("a page of $(axes(a)) cannot take $(axes(b))"))
    queue(a, MMSB_SET, 0, length(a), copyto!(Array{T}(undef, size(a)), b))
    return a
end

# `b[:price] .= values`: the same.
Broadcast.broadcastable(p::LivePage) = Array(p)
Broadcast.dotview(p::LivePage, indices...) = isempty(indices) ? p : throw(usage_dots(p))
usage_dots(p::LivePage) = UsageError("assign to $(p.name)[i] = values, or to the whole page", nothing, nothing)
function Broadcast.materialize!(p::LivePage{T,N}, given::Broadcast.Broadcasted) where {T,N}
    whole_set(p, Broadcast.materialize!(Array{T,N}(undef, p.size), given))
    return p
end

collect_as(::Type{T}, values::Union{Array{T},PageArray{T}}) where {T} = values    # libmmsb copies them
collect_as(::Type{T}, values) where {T} = T[convert(T, v) for v in values]

"""
    g[:price] = values

Queues a delta of the whole page: one value for all elements, or an array of the page's size.
"""
function Base.setindex!(g::Union{Graph,Attached}, values, name::Symbol)
    whole_set(g[name], values)
    return g
end
whole_set(a::Page, value) = fill!(a, value)
function whole_set(a::Page{T}, values::AbstractArray) where {T}
    size(values) == size(a) || throw(DimensionMismatch("$(a.name) has size $(size(a)), not $(size(values))"))
    return queue(a, MMSB_SET, 0, length(a), collect_as(T, values))
end

"""
    update!(g, :price, kind, values, indices = :)

Queues a delta of one of the kinds `:set :add :min :max :and :or :xor`. `indices`: `:`, an index, a range, a vector of
linear or Cartesian indices, or a mask (an array of `Bool` of the page's size). `values`: one, or one for each.
"""
update!(g::Union{Graph,Attached}, name::Symbol, kind::Symbol, values, indices = :) =
    update(g[name], choice(KINDS, "kind", kind), values, indices)

update(a::Page{T}, kind, value, ::Colon) where {T} = queue_one(a, kind, 0, length(a), convert(T, value))
update(a::Page{T}, kind, values::AbstractArray, ::Colon) where {T} =
    length(values) == length(a) ? queue(a, kind, 0, length(a), collect_as(T, values)) :
    throw(DimensionMismatch("$(length(values)) values for $(length(a)) elements"))
function update(a::Page{T}, kind, value, i::Union{Integer,CartesianIndex}) where {T}
    at = linear(a, i)
    return queue_one(a, kind, at - 1, 1, convert(T, value))
end
function update(a::Page, kind, values, mask::AbstractArray{Bool})
    size(mask) == size(a) || throw(DimensionMismatch("$(a.name) has size $(size(a)), the mask $(size(mask))"))
    g, chosen = graph_of(a), BitArray(mask)
    bits, set = chosen.chunks, count(chosen)    # bit k of a chunk is its k-th element
    given = values isa AbstractArray ? collect_as(eltype(a), values) : [convert(eltype(a), values)]
    length(given) == 1 || length(given) == set ||
        throw(DimensionMismatch("$(length(given)) values for $set elements"))
    status = GC.@preserve bits given begin
        ccall(mask_function(g), Cint,
              (Ptr{Cvoid}, UInt32, Cint, UInt64, UInt64, Ptr{UInt64}, Ptr{Cvoid}, UInt64),
              g.handle, a.number, kind, 0, length(a), pointer(bits), pointer(given), length(given))
    end
    return check(g, status)
end
update(a::Page, kind, values, indices) = scatter(a, kind, collect(indices), values)
update(a::Page, kind, values, indices::AbstractArray) = scatter(a, kind, indices, values)

function linear(a::PageArray, i::Integer)
    checkbounds(a, i)
    return Int(i)
end
function linear(a::PageArray, i::CartesianIndex)
    checkbounds(a, i)
    return LinearIndices(a)[i]
end
linear(p::LivePage, i) = LinearIndices(p.size)[i]

function scatter(a::Page{T}, kind::Integer, indices::AbstractArray, values) where {T}
    g = graph_of(a)
    lanes = resize!(g.lanes, length(indices))
    for (k, i) in enumerate(indices)
        lanes[k] = linear(a, i) - 1
    end
    given = values isa AbstractArray ? collect_as(T, values) : T[convert(T, values)]
    length(given) == 1 || length(given) == length(lanes) ||
        throw(DimensionMismatch("$(length(given)) values for $(length(lanes)) elements"))
    status = GC.@preserve lanes given begin
        ccall(scatter_function(g), Cint, (Ptr{Cvoid}, UInt32, Cint, Ptr{UInt64}, UInt64, Ptr{Cvoid}, UInt64),
              g.handle, a.number, kind, pointer(lanes), length(lanes), pointer(given), length(given))
    end
    return check(g, status)
end

"""
    batch_route_deltas!(g, :price, indices, values; kind = :set)
    batch_route_deltas!(g, deltas)

Queues many deltas: `values[k]` at `indices[k]`, in order, also where indices repeat. The second form takes pairs
`(:price, 17) => 101.25`; it is quickest where those of a page are neighbours. `commit!` makes an epoch of them.
"""
batch_route_deltas!(g::Union{Graph,Attached}, name::Symbol, indices, values; kind::Symbol = :set) =
    update!(g, name, kind, values, indices)
function batch_route_deltas!(g::Union{Graph,Attached}, deltas; kind::Symbol = :set)
    number, state = choice(KINDS, "kind", kind), iterate(deltas)
    while state !== nothing
        page = state[1][1][1]
        state = route(g[page], page, number, deltas, state[1], state[2])
    end
    return nothing
end

# Those that follow for one page, whose type is known here; gives where the next page's begin.
function route(a::Page, page::Symbol, kind::Integer, deltas, item, at)
    while true
        (name, index), value = item
        name === page || return item, at
        update(a, kind, value, index)
        next = iterate(deltas, at)
        next === nothing && return nothing
        item, at = next
    end
end

"""
    line!(g, text)

Queues a line as in a delta file, with its row-major indices from 0: `line!(g, "price[17] += 0.5")`.
"""
line!(g::Graph, text::AbstractString) =
    check(g, ccall(symbol(:mmsb_line), Cint, (Ptr{Cvoid}, Cstring), g.handle, String(text)))

"Forgets what is queued."
drop!(g::Graph) = check(g, ccall(symbol(:mmsb_drop), Cint, (Ptr{Cvoid},), g.handle))

line!(b::Attached, text::AbstractString) =
    check(b, ccall(symbol(:mmsb_bus_line), Cint, (Ptr{Cvoid}, Cstring), b.handle, String(text)))
drop!(b::Attached) = check(b, ccall(symbol(:mmsb_bus_drop), Cint, (Ptr{Cvoid},), b.handle))
