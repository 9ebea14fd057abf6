# SPDX-License-Identifier: Apache-2.0
# Commits, ticks, events, and what is asked of the epoch that stands.

# A scalar that an event carries.
function scalar(s::MmsbScalar)
    type = TYPES[s.type+1]
    type <: AbstractFloat && return convert(type, s.number)
    type === Bool && return s.bits != 0
    return s.bits % type
end

event_of(e::MmsbEvent) =
    Event(Symbol(unsafe_string(e.name)), Int(e.epoch),
          ntuple(k -> scalar(unsafe_load(Ptr{MmsbScalar}(e.values), k)), Int(e.value_count)))

# Called by libmmsb, on the task that commits, ticks or replays. What a handler throws is thrown behind the call.
function hear_event(context::Ptr{Cvoid}, event::Ptr{MmsbEvent})::Cint
    g = unsafe_pointer_to_objref(context)::Graph
    try
        e = event_of(unsafe_load(event))
        if g.hear !== nothing
            g.hear(e)
        else
            push!(g.fired, e)
            foreach(handler -> handler(e), get(g.handlers, e.name, ()))
        end
        return 0
    catch failure
        g.failure = failure
        return 1
    end
end

function hear_note(context::Ptr{Cvoid}, text::Ptr{UInt8})::Cvoid
    g = unsafe_pointer_to_objref(context)::Graph
    g.note === nothing && return nothing
    try
        g.note(unsafe_string(text))
    catch failure
        g.failure = failure
    end
    return nothing
end

function step!(call, g::Graph)
    g.stepping && throw(BusyError("a handler is called by commit! or tick!, and cannot call them", nothing, nothing))
    g.stepping = true
    empty!(g.fired)
    g.failure = nothing
    status = try
        GC.@preserve g call(g.handle)   # handlers run inside
    finally
        g.stepping = false
    end
    g.failure === nothing || throw(g.failure)
    check(g, status)
    return copy(g.fired)
end

"""
    commit!(g)

Makes the next epoch of what is queued; of nothing, a tick. Gives the events that fired. Throws a `RejectedError`,
with page, index, values and source line: then nothing has changed.
"""
commit!(g::Graph) = step!(h -> ccall(symbol(:mmsb_commit), Cint, (Ptr{Cvoid},), h), g)

"""
    tick!(g, n = 1)

`n` epochs without deltas; ends before that where a handler throws. Gives their events. It is no one call of libmmsb
where it takes long: Ctrl-C ends it between two epochs.
"""
tick!(g::Graph, n::Integer = 1) = step!(h -> ticks(g, h, UInt64(n)), g)

function ticks(g::Graph, h::Handle, left::UInt64)
    done, several = Ref{UInt64}(0), UInt64(1)
    while true
        before, now = time_ns(), min(left, several)
        status = ccall(symbol(:mmsb_tick), Cint, (Ptr{Cvoid}, UInt64, Ref{UInt64}), h, now, done)
        left -= now
        (status == MMSB_OK && g.failure === nothing && left > 0) || return status
        time_ns() - before < 10_000_000 && (several *= 2)
        GC.safepoint()      # here Ctrl-C is thrown
    end
end

"""
    batch(f, g)

Runs `f()` and makes one epoch of everything that it queued; drops it where `f` throws. Gives the events.
"""
function batch(f, g::Graph)
    g.batches += 1
    try
        f()
    catch
        drop!(g)
        rethrow()
    finally
        g.batches -= 1
    end
    return g.batches == 0 ? commit!(g) : Event[]
end

"""
    on(f, g, :event)

Calls `f(event)` as the event fires, while the pages show its epoch. `f` may read pages and may not change anything.
"""
function on(f, g::Graph, name::Symbol)
    haskey(g.pages, name) || throw(no_page(g, name))
    g.pages[name].event || throw(UsageError("$name is a page, not an event", nothing, nothing))
    push!(get!(() -> Any[], g.handlers, name), f)
    return nothing
end

"The number of the last epoch."
epoch(g::Graph) = Int(ccall(symbol(:mmsb_epoch), UInt64, (Ptr{Cvoid},), g.handle))

"The digest of the whole state, as 0x and 16 digits: the same on every machine and executor."
function root(g::Graph)
    out = Ref{UInt64}(0)
    check(g, ccall(symbol(:mmsb_root), Cint, (Ptr{Cvoid}, Ref{UInt64}), g.handle, out))
    return "0x" * string(out[]; base = 16, pad = 16)
end

"Returns when every epoch so far survives power loss."
sync!(g::Graph) = check(g, ccall(symbol(:mmsb_sync), Cint, (Ptr{Cvoid},), g.handle))

"Writes a checkpoint, from which the next opening starts."
checkpoint!(g::Graph) = check(g, ccall(symbol(:mmsb_checkpoint), Cint, (Ptr{Cvoid},), g.handle))

"Counters, as a named tuple: `epoch`, `durable_epoch`, `lanes_run`, `memory_bytes`, `executor`, ..."
function metrics(g::Graph)
    out = Ref(zeroed(MmsbMetrics; struct_size = sizeof(MmsbMetrics)))
    check(g, ccall(symbol(:mmsb_metrics_read), Cint, (Ptr{Cvoid}, Ref{MmsbMetrics}), g.handle, out))
    names = filter(f -> f ∉ (:struct_size, :zero), fieldnames(MmsbMetrics))
    value(f) = f === :executor ? unsafe_string(out[].executor) : Int(getfield(out[], f))
    return NamedTuple{names}(map(value, names))
end
