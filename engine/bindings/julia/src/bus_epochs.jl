# SPDX-License-Identifier: Apache-2.0
# Of a bus: leases, whole epochs in place, commits and their answers, changed lanes.

function Base.getindex(l::Leased, name::Symbol)
    b = l.owner
    info = page_of(b, name)
    l.at === :none && throw(UsageError("the lease has ended", nothing, nothing))
    at = ccall(symbol(l.at), Ptr{Cvoid}, (Ptr{Cvoid}, UInt32, Cint), b.handle, info.number, MMSB_ANY)
    at == C_NULL && throw(error_of(MMSB_USAGE, message(b)))
    return page_array(info.type, at, info, l)
end
owner_graph(::Leased, name::Symbol) =
    throw(UsageError("an epoch that is held does not change: assign to b[:$name] and commit!(b)", nothing, nothing))

"""
    lease(f, b; timeout = 1)

Pins the epoch that stands while `f(pages)` runs: `pages[:total]` is an array in the engine's memory, nothing moves,
nothing is copied. One at a time; throws a `BusyError` where others hold all leases at other epochs, or the engine is at
work on something else, and still so after `timeout` seconds. Copy what you keep: afterwards the arrays stay readable,
but what they hold is others' epochs.
"""
function lease(f, b::Attached; timeout::Real = 1)
    out, until = Ref{UInt64}(0), time() + timeout
    while true
        while b.unanswered > 16     # their answers may need the room of the lease's
            take_answer(b, Inf)
        end
        left = clamp(until - time(), 0.001, 0.02)   # other tasks go on in between
        status = ccall(symbol(:mmsb_bus_lease), Cint, (Ptr{Cvoid}, UInt64, Ref{UInt64}), b.handle,
                       round(UInt64, left * 1e9), out)
        status == MMSB_BUSY && time() < until || (check(b, status); break)
        sleep(0.001)
    end
    held = Leased(b, :mmsb_bus_leased, Int(out[]))
    b.leased = true
    try
        return f(held)
    finally
        held.at = :none
        b.leased = false
        ccall(symbol(:mmsb_bus_lease_end), Cint, (Ptr{Cvoid},), b.handle)
    end
end

"""
    look(f, b)

`f(pages)` with arrays where the engine computes, called again until all that it saw was of one epoch; gives what it
gave, which must hold no array of pages. Takes a lease where epochs follow too fast.
"""
function look(f, b::Attached)
    mark, until = Ref(zeroed(MmsbBusMark)), time() + 1.0
    while time() < until
        status = ccall(symbol(:mmsb_bus_view_begin), Cint, (Ptr{Cvoid}, Ref{MmsbBusMark}), b.handle, mark)
        status == MMSB_BUSY && break
        status == MMSB_OK || check(b, bus_state(b)[2] == MMSB_OK ? status : bus_state(b)[2])
        found, failure = nothing, nothing
        try
            found = f(Leased(b, :mmsb_bus_view, Int(mark[].epoch)))
        catch e     # torn values may have been its cause
            failure = e
        end
        ccall(symbol(:mmsb_bus_view_end), Cint, (Ptr{Cvoid}, Ref{MmsbBusMark}), b.handle, mark) == 1 || continue
        failure === nothing || throw(failure)
        return found
    end
    return lease(f, b)
end

"""
    snapshot(b, names...)

Copies of these pages (of all, where none is named) at one epoch: a named tuple of `epoch` and `pages`, a dictionary.
"""
function snapshot(b::Attached, names::Symbol...)
    chosen = isempty(names) ? b.order : collect(names)
    foreach(name -> page_of(b, name), chosen)
    return look(b) do held
        (epoch = held.epoch, pages = Dict{Symbol,Array}(name => copy(held[name]) for name in chosen))
    end
end

"""
    changes!(b)

Which lanes epochs changed since the last call (or the attach), at least those, oldest first: a vector of named tuples
`epoch`, `page`, `lanes` (linear indices). `nothing`: some were lost, or too much has changed: read everything.
"""
function changes!(b::Attached)
    rows = [zeroed(MmsbBusChange) for _ in 1:512]
    count, missed = Ref{UInt32}(0), Ref{Cint}(0)
    found = NamedTuple{(:epoch, :page, :lanes),Tuple{Int,Symbol,UnitRange{Int}}}[]
    while true
        status = GC.@preserve rows begin
            ccall(symbol(:mmsb_bus_changes), Cint, (Ptr{Cvoid}, Ptr{MmsbBusChange}, UInt32, Ref{UInt32}, Ref{Cint}),
                  b.handle, pointer(rows), length(rows), count, missed)
        end
        check(b, status)
        missed[] == 0 || return nothing
        for r in rows[1:count[]]
            first_lane = Int(r.first) + 1
            push!(found, (epoch = Int(r.epoch), page = b.order[r.page+1],
                          lanes = first_lane:first_lane+Int(r.count)-1))
        end
        count[] < length(rows) && return found
    end
end

function take_answer(b::Attached, timeout::Real)
    a = Ref(zeroed(MmsbBusAnswer; struct_size = sizeof(MmsbBusAnswer)))
    wait_for(ns -> ccall(symbol(:mmsb_bus_answer_next), Cint, (Ptr{Cvoid}, UInt64, Ref{MmsbBusAnswer}), b.handle,
                         ns, a), b, timeout)
    b.unanswered -= 1
    words = a[].words == C_NULL ? "" : unsafe_string(a[].words)
    if a[].number in b.unheard
        delete!(b.unheard, Int(a[].number))
        return nothing
    end
    push!(b.answers, Answer(a[].number, a[].epoch, a[].again != 0,
                            a[].status == MMSB_OK ? nothing : error_of(a[].status, words)))
    return nothing
end

"""
    send!(b; number = 0)

Sends the commit being made (of nothing: a tick) and does not wait for its answer. Gives its number. `number`: with a
stream, this one instead of the next: what is sent again with its number counts once.
"""
function send!(b::Attached; number::Integer = 0)
    sent = Ref{UInt64}(0)
    while true
        status = ccall(symbol(:mmsb_bus_commit), Cint, (Ptr{Cvoid}, UInt64, Ref{UInt64}), b.handle, number, sent)
        if status != MMSB_BUSY || b.unanswered == 0
            check(b, status)
            b.unanswered += 1
            return Int(sent[])
        end
        take_answer(b, Inf)     # the ring is full
    end
end

"""
    answer!(b; timeout = Inf)

The next [`Answer`](@ref) to a `send!`, in their order.
"""
function answer!(b::Attached; timeout::Real = Inf)
    while isempty(b.answers)
        take_answer(b, timeout)
    end
    return popfirst!(b.answers)
end

"""
    commit!(b; durable = false)

Sends the commit being made (of nothing: a tick) and waits for its epoch, which it gives; `durable`: until it survives
power loss. Throws a `RejectedError`: nothing has changed.
"""
function commit!(b::Attached; durable::Bool = false)
    number = send!(b)
    try
        while isempty(b.answers) || last(b.answers).number != number
            take_answer(b, Inf)
        end
    catch e
        e isa InterruptException && push!(b.unheard, number)
        rethrow()
    end
    a = pop!(b.answers)
    a.error === nothing || throw(a.error)
    durable && wait_durable(b, a.epoch)
    return a.epoch
end

"""
    batch(f, b; durable = false)

Runs `f()` and makes one epoch of everything that it changed, which it gives; drops it where `f` throws.
"""
function batch(f, b::Attached; durable::Bool = false)
    b.batches += 1
    try
        f()
    catch
        drop!(b)
        rethrow()
    finally
        b.batches -= 1
    end
    return b.batches == 0 ? commit!(b; durable = durable) : epoch(b)
end
