# SPDX-License-Identifier: Apache-2.0
# What the extension uses of Tables.jl, for machines that have not got it: named tuples of vectors are tables.
module Tables

struct Schema
    names::Tuple
    types::Tuple
end

istable(x) = istable(typeof(x))
istable(::Type) = false
istable(::Type{<:NamedTuple}) = true
istable(::Type{<:AbstractVector{<:NamedTuple}}) = true
columnaccess(::Type) = false
rowaccess(::Type) = false
rows(x) = x
columns(x::NamedTuple) = x
columns(x::AbstractVector{<:NamedTuple}) = NamedTuple{keys(x[1])}(map(n -> [r[n] for r in x], keys(x[1])))
columnnames(x::NamedTuple) = keys(x)
getcolumn(x::NamedTuple, name::Symbol) = x[name]
schema(x) = nothing

end
