# SPDX-License-Identifier: Apache-2.0
"""
MMSB from Julia: graphs compiled, run, fed and read without copies. Needs libmmsb (and libmmsbc for `compile`).

```julia
using MMSB
g = load(compile(\"\"\"
    source price: f64[4] = 100.0
    page total = sum(price)
    event rich = total > 500.0 with total
    \"\"\"))
on(g, :rich) do event
    println("rich: ", event.values[1])
end
g[:price][3] = 300.0    # queued
commit!(g)              # the next epoch, of all that is queued
g[:total][]             # 600.0
```

`g[:price]` is an array on the page itself. It is read like any array and shows the last epoch; assignments queue
deltas. Axes are reversed: a page `f64[h, w]` is row-major, so its array has size `(w, h)`, and `a[x, y]` is the
page's element `[y - 1, x - 1]`; no element moves. One task at a time works with a graph; any may read a `Snapshot`.
"""
module MMSB

using Libdl

export load, compile, replay, pages, snapshot, metrics, epoch, root
export table, assign!
export line!, update!, batch_route_deltas!, drop!, batch, commit!, tick!, on, sync!, checkpoint!
export attach, lease, look, send!, answer!, changes!, wait_epoch, wait_durable, durable_epoch, last_number
export Attached, LivePage, Answer
export Graph, Compiled, PageArray, PageInfo, Snapshot, Event
export MMSBError, WrongError, RejectedError, UsageError, IOFailure, DamagedError, OutOfSpaceError, AbsentError
export BusyError, BugError, ForkedError

include("layout.jl")
include("errors.jl")
include("library.jl")
include("graph.jl")
include("bus.jl")
include("pages.jl")
include("changes.jl")
include("table.jl")
include("epochs.jl")
include("load.jl")         # behind epochs.jl: @cfunction wants what it names to be there
include("bus_epochs.jl")
include("instrument.jl")

end
