# SPDX-License-Identifier: Apache-2.0
# Where libmmsb and libmmsbc lie, and their functions by name. They are opened at the first call.

const LIBRARIES = Dict{String,Ptr{Cvoid}}()
const FUNCTIONS = Dict{Symbol,Ptr{Cvoid}}()
const FUNCTIONS_LOCK = ReentrantLock()

"""
    library_places(name)

Where a library is looked for, in order: the folder in the environment's `MMSB_LIBRARY`, then `lib` and `build/lib` of
every folder above this package, then where the system looks.
"""
function library_places(name::AbstractString)
    folders = haskey(ENV, "MMSB_LIBRARY") ? [ENV["MMSB_LIBRARY"]] : String[]
    above = dirname(@__DIR__)
    while true
        push!(folders, joinpath(above, "lib"), joinpath(above, "build", "lib"))
        dirname(above) == above && break
        above = dirname(above)
    end
    return push!(filter(isfile, [joinpath(f, name) for f in folders]), name)
end

function library(name::AbstractString)
    return get!(LIBRARIES, name) do
        found = dlopen(first(library_places(name)); throw_error = false)
        words = "$name is not found: install it, or set MMSB_LIBRARY to its folder"
        found === nothing && throw(AbsentError(words, nothing, nothing))
        found
    end
end

# The address of a function of mmsb.h or mmsbc.h. Not for finalizers, which may run inside of it.
function symbol(name::Symbol)
    lock(FUNCTIONS_LOCK)
    try
        at = get(FUNCTIONS, name, C_NULL)
        at == C_NULL || return at
        compiler = startswith(String(name), "mmsbc_")
        at = dlsym(library(compiler ? "libmmsbc.so.$MMSBC_ABI" : "libmmsb.so.$MMSB_ABI"), name)::Ptr{Cvoid}
        FUNCTIONS[name] = at
        return at
    finally
        unlock(FUNCTIONS_LOCK)
    end
end

# A struct of layout.jl whose other fields are zero.
function zeroed(::Type{T}; given...) where {T}
    fields = (haskey(given, f) ? convert(fieldtype(T, f), given[f]) : zero_of(fieldtype(T, f)) for f in fieldnames(T))
    return T(fields...)
end
zero_of(::Type{P}) where {P<:Ptr} = P(0)
zero_of(::Type{N}) where {N<:Number} = zero(N)
zero_of(::Type{T}) where {T<:Tuple} = map(zero_of, fieldtypes(T))

# A C string's address; the string must be preserved. NUL bytes inside are an error.
text_at(s::String) = Ptr{UInt8}(Base.unsafe_convert(Cstring, s))
text_at(::Nothing) = Ptr{UInt8}(0)

"The version of libmmsb."
version() = unsafe_string(ccall(symbol(:mmsb_version), Cstring, ()))
