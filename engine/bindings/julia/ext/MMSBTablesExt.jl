# SPDX-License-Identifier: Apache-2.0
# Loaded by Julia where both MMSB and Tables are: page tables are tables, and pages take tables' columns.
module MMSBTablesExt

using MMSB, Tables

Tables.istable(::Type{<:MMSB.PageTable}) = true
Tables.columnaccess(::Type{<:MMSB.PageTable}) = true
Tables.columns(t::MMSB.PageTable) = MMSB.columns(t)    # a named tuple of vectors: a table of columns itself
Tables.rowaccess(::Type{<:MMSB.PageTable}) = true
Tables.rows(t::MMSB.PageTable) = t                     # named tuples
Tables.schema(t::MMSB.PageTable) = Tables.Schema(keys(t), map(eltype, values(MMSB.columns(t))))

function MMSB.assign!(g::Union{MMSB.Graph,MMSB.Attached}, table)
    Tables.istable(table) || throw(ArgumentError("$(typeof(table)) is no table"))
    from = Tables.columns(table)
    names = Tables.columnnames(from)
    return MMSB.assign!(g, NamedTuple{Tuple(Symbol.(names))}(Tuple(Tables.getcolumn(from, n) for n in names)))
end

end
