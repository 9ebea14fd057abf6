# SPDX-License-Identifier: Apache-2.0
# Vector pages side by side. Where Tables.jl is loaded, ext/MMSBTablesExt.jl makes them one of its tables.

"""
Vector pages of one length as the columns of a table, made by [`table`](@ref): `t.price` and `t[:price]` are the pages'
arrays, `t[3]` is a row, a named tuple. With Tables.jl loaded it is a table: `DataFrame(t)`, `CSV.write(file, t)` and
the like take it.
"""
struct PageTable{C<:NamedTuple}
    columns::C
end

columns(t::PageTable) = getfield(t, :columns)
Base.propertynames(t::PageTable) = keys(columns(t))
Base.getproperty(t::PageTable, name::Symbol) = columns(t)[name]
Base.getindex(t::PageTable, name::Symbol) = columns(t)[name]
Base.getindex(t::PageTable, row::Integer) = map(c -> c[row], columns(t))
Base.keys(t::PageTable) = keys(columns(t))
Base.length(t::PageTable) = length(first(columns(t)))
Base.lastindex(t::PageTable) = length(t)
Base.iterate(t::PageTable, row::Int = 1) = row > length(t) ? nothing : (t[row], row + 1)
Base.eltype(::Type{PageTable{C}}) where {C} = NamedTuple{fieldnames(C),Tuple{map(eltype, fieldtypes(C))...}}
Base.show(io::IO, t::PageTable) = print(io, "MMSB.PageTable(", length(t), " rows: ", join(keys(t), ", "), ")")

"""
    table(of, names...)

Vector pages of a graph, a snapshot or a lease side by side, without a copy: a [`PageTable`](@ref).
"""
function table(of::Union{Graph,Snapshot,Leased}, names::Symbol...)
    isempty(names) && throw(UsageError("a table has pages: table(g, :price, :qty)", nothing, nothing))
    found = map(name -> of[name], names)
    for (name, column) in zip(names, found)
        column isa AbstractVector && length(column) == length(found[1]) ||
            throw(DimensionMismatch("$name has size $(size(column)), $(names[1]) $(size(found[1]))"))
    end
    return PageTable(NamedTuple{names}(found))
end

"""
    assign!(g, columns)

`g[name] = column` for every column of a named tuple, a dictionary, a [`PageTable`](@ref) or, with Tables.jl loaded, any
of its tables. Each must be as long as its page; where one does not fit, none is queued.
"""
assign!(g::Union{Graph,Attached}, t::PageTable) = assign!(g, columns(t))
function assign!(g::Union{Graph,Attached}, given::Union{NamedTuple,AbstractDict})
    checked = [assignable(g[Symbol(name)], column) for (name, column) in pairs(given)]
    foreach(c -> whole_set(c[1], c[2]), checked)
    return g
end

function assignable(a::Page{T}, column) where {T}
    values = vec(collect_as(T, column))
    length(values) == length(a) ||
        throw(DimensionMismatch("$(a.name) has $(length(a)) elements, its column $(length(values))"))
    return a, reshape(values, size(a))
end
