# SPDX-License-Identifier: Apache-2.0
# What only shows under a collector that runs at the worst moments, when handlers misbehave, and when Ctrl-C comes.

set_many(a, n) = for k in 1:n a[3] = 100.0 + k end
bytes_of_sets(a, n) = @allocated set_many(a, n)
set_literal(g) = (g[:price][3] = 101.25; nothing)
bytes_of_literal(g) = @allocated set_literal(g)
set_place(m, n) = for k in 1:n m[3, 2] = 1f0 end
bytes_of_places(m, n) = @allocated set_place(m, n)
set_range(a, values) = (a[2:3] = values; nothing)
bytes_of_range(a, values) = @allocated set_range(a, values)
read_all(a) = (s = zero(eltype(a)); for k in eachindex(a) s += a[k] end; s)
bytes_of_reads(a) = @allocated read_all(a)

bytes_of_pairs(g, deltas) = @allocated batch_route_deltas!(g, deltas)
bytes_of_batch(g, indices, values) = @allocated batch_route_deltas!(g, :price, indices, values; kind = :add)

@testset "a batch allocates as much, however long" begin
    g = load(GRAPH)
    pairs(n) = [(k <= n ÷ 2 ? :price : :qty, mod1(k, 4)) => 1 for k in 1:n]
    few, many = pairs(10), pairs(2000)
    foreach(_ -> (bytes_of_pairs(g, few), bytes_of_pairs(g, many)), 1:2)
    @test bytes_of_pairs(g, many) <= bytes_of_pairs(g, few) + 64
    few, many = repeat([1, 2, 4], 3), repeat([1, 2, 4], 700)
    foreach(n -> bytes_of_batch(g, n, ones(length(n))), (few, many))
    foreach(n -> bytes_of_batch(g, n, ones(length(n))), (few, many))
    @test bytes_of_batch(g, many, ones(2100)) == bytes_of_batch(g, few, ones(9))
    commit!(g)
    @test g[:price] == [1 + 3 * 703, 1 + 3 * 703, 1, 1 + 3 * 703]
    @test g[:qty] == fill(1, 4)
    batch_route_deltas!(g, ((:price, k) => k for k in 1:4 if k > 1); kind = :max)
    batch_route_deltas!(g, [(:price, 1:2) => [0.5, 0.25], (:grid, CartesianIndex(3, 1)) => 2])
    batch_route_deltas!(g, :price, (k for k in 3:4), 9.0)
    commit!(g)
    @test (g[:price], g[:grid][3, 1]) == ([0.5, 0.25, 9.0, 9.0], 2)
    batch_route_deltas!(g, [])
    @test metrics(g).pending_bytes == 0
    @test_throws UsageError batch_route_deltas!(g, [(:price, 1) => 1]; kind = :no)
end

@testset "nothing is ambiguous, and all that is exported is explained" begin
    @test isempty(detect_ambiguities(MMSB, MMSB.Instrument))
    @test isempty(detect_unbound_args(MMSB, MMSB.Instrument))
    for m in (MMSB, MMSB.Instrument), name in names(m)
        words = string(Base.Docs.doc(Base.Docs.Binding(m, name)))
        @test !occursin("No documentation found", words)
    end
end

@testset "a delta allocates nothing" begin
    g, values = load(GRAPH), [1.0, 2.0]
    price, grid = g[:price], g[:grid]
    for _ in 1:2    # the first time it is compiled
        bytes_of_sets(price, 10), bytes_of_literal(g), bytes_of_places(grid, 10), bytes_of_range(price, values)
        bytes_of_reads(price)
    end
    @test bytes_of_sets(price, 1000) == 0
    @test bytes_of_literal(g) == 0
    @test bytes_of_places(grid, 1000) == 0
    @test bytes_of_range(price, values) == 0
    @test bytes_of_reads(price) == 0
    drop!(g)
end

# Nothing but what is given back lives on.
@noinline function parts(k)
    g = load(GRAPH; inputs = ("price" => fill(float(k), 4), "grid" => fill(Float32(k), 3, 2)))
    g[:price][2] = k + 0.5
    commit!(g)
    s = snapshot(g)
    return g[:price], view(g[:grid], 2, :), reinterpret(UInt64, g[:price]), s[:price], vec(g[:grid])
end

@testset "arrays, views and snapshots keep what they show" begin
    kept = Any[]
    for k in 1:200
        push!(kept, (k, parts(k)))
        k % 3 == 0 && popfirst!(kept)
        k % 10 == 0 && GC.gc(k % 50 == 0)
        k % 25 == 0 || continue
        wrong = count(kept) do (k, (price, row, bits, copied, flat))
            want = [k, k + 0.5, k, k]
            !(price == want == copied && row == fill(Float32(k), 2) && bits == reinterpret(UInt64, want) &&
              flat == fill(Float32(k), 6))
        end
        @test wrong == 0
    end
    empty!(kept)
    GC.gc()
    GC.gc()
end

@noinline function abandoned(folder)
    g = load(GRAPH; state = folder)
    g[:price][1] = 7.0
    commit!(g)
    return root(g)
end

@testset "a graph that is forgotten is closed by the collector" begin
    mktempdir() do folder
        want = abandoned(joinpath(folder, "s"))
        g = nothing
        for _ in 1:20   # until its lock is free
            GC.gc()
            g = try load(GRAPH; state = joinpath(folder, "s")) catch e; e end
            g isa BusyError || break
        end
        @test g isa Graph && root(g) == want
        close(g)
    end
end

@testset "the collector runs inside handlers" begin
    g = load(GRAPH)
    seen = Int[]
    on(g, :third) do e
        GC.gc(false)
        push!(seen, length([string(k) for k in 1:1000]))
        e.epoch % 9 == 0 && GC.gc()
        snapshot_total = sum(g[:value])
        push!(seen, Int(snapshot_total))
    end
    events = tick!(g, 30)
    @test length(events) == 10
    @test seen == repeat([1000, 400], 10)
    @test GC.enable(false)
    for k in 1:100
        g[:price] = float(k)
        commit!(g)
    end
    GC.enable(true)
    @test g[:total][] == 200.0
end

@testset "handlers that misbehave" begin
    g = load(GRAPH)
    order = Symbol[]
    on(e -> push!(order, :first), g, :third)
    on(e -> throw(InterruptException()), g, :third)
    on(e -> push!(order, :last), g, :third)
    @test_throws InterruptException tick!(g, 10)
    @test (epoch(g), order) == (3, [:first])
    empty!(g.handlers)
    tick!(g)
    on(e -> (close(g); nothing), g, :third)
    @test_throws BusyError tick!(g, 10)
    @test epoch(g) == 6
    empty!(g.handlers)
    on(e -> yield(), g, :third)    # other tasks may run, but not on this graph
    failures = Any[]
    other = @async for _ in 1:20
        try commit!(g) catch e; push!(failures, e) end
        yield()
    end
    tick!(g, 30)
    wait(other)
    @test epoch(g) == 36 + 20 - length(failures)
    @test all(e -> e isa BusyError, failures)
    @test tick!(g, 0) == Event[]
    @test_throws InexactError tick!(g, -1)
end

@testset "notes" begin
    mktempdir() do folder
        state, lines = joinpath(folder, "s"), String[]
        g = load(GRAPH; state = state)
        tick!(g, 5)
        close(g)
        newest = joinpath(state, "checkpoint-5")
        bytes = read(newest)
        bytes[end÷2] ⊻= 0xff
        write(newest, bytes)
        @test_throws ErrorException load(GRAPH; state = state, note = line -> error("cannot hear"))
        write(newest, bytes)
        g = load(GRAPH; state = state, note = line -> push!(lines, line))   # it is not locked
        @test epoch(g) == 5
        @test any(line -> occursin("going on from checkpoint-0", line), lines)
        close(g)
        g = load(GRAPH; state = state, checkpoint_epochs = 1, note = line -> push!(lines, line))
        rm(state; recursive = true)
        g[:price] = 3.0
        commit!(g)
        @test occursin("epoch 6 has no checkpoint", last(lines))
    end
end

const INTERRUPTED = """
using MMSB
ccall(:jl_exit_on_sigint, Cvoid, (Cint,), 0)
g = load(compile("source x: f64[1000]\\npage y = init 0.0 then prev(y) + sum(x)"))
tick!(g, 10)
try
    println("ready")
    flush(stdout)
    tick!(g, 10^15)
catch e
    e isa InterruptException || rethrow()
    before = epoch(g)
    tick!(g)
    println(before > 10, " ", epoch(g) - before)
end
"""

@testset "Ctrl-C ends a tick! between two epochs" begin
    out = Pipe()
    words = `$(Base.julia_cmd()) --startup-file=no --project=$(Base.active_project()) -e $INTERRUPTED`
    child = run(pipeline(words; stdout = out, stderr = devnull); wait = false)
    close(out.in)
    @test readline(out) == "ready"
    sleep(0.3)
    kill(child, Base.SIGINT)
    @test readline(out) == "true 1"
    wait(child)
    @test success(child)
end

@testset "masks" begin
    g = load(compile("source x: f64[5, 13, 3]\nsource b: bool[130]\nsource one: u8[1]"))
    mine = zeros(3, 13, 5)
    for density in (0.0, 0.02, 0.5, 0.98, 1.0)
        mask = rand(3, 13, 5) .< density    # a BitArray,
        update!(g, :x, :add, 1.5, mask)
        mine[mask] .+= 1.5
        mask = Array(rand(3, 13, 5) .< density)     # an Array of Bool
        values = rand(count(mask))
        update!(g, :x, :set, values, mask)
        mine[mask] = values
        commit!(g)
        @test g[:x] == mine
    end
    update!(g, :b, :set, true, [k % 3 == 0 for k in 1:130])
    update!(g, :one, :max, 0x07, [true])
    commit!(g)
    @test g[:b] == [k % 3 == 0 for k in 1:130]
    @test g[:one][1] == 0x07
    update!(g, :b, :xor, true, g[:b])   # a page as the mask
    commit!(g)
    @test !any(g[:b])
    @test_throws DimensionMismatch update!(g, :b, :set, [true, false], trues(130))
    @test_throws DimensionMismatch update!(g, :x, :set, 1.0, trues(195))
end

@testset "snapshots are read by many tasks" begin
    g = load(compile("source x: f64[1000] = 1.0\npage s = sum(x)"))
    sums = Task[]
    for k in 1:20
        g[:x] = float(k)
        commit!(g)
        s = snapshot(g, :x)
        push!(sums, Threads.@spawn (GC.gc(false); (s.epoch, sum(s[:x]))))
    end
    @test [fetch(t) for t in sums] == [(k, 1000.0k) for k in 1:20]
end

if Base.identify_package("Tables") === nothing
    push!(LOAD_PATH, joinpath(@__DIR__, "standin"))
    println("Tables.jl is not installed: its stand-in is used")
end
import Tables
isdefined(Base, :get_extension) && Base.get_extension(MMSB, :MMSBTablesExt) !== nothing ||
    include(joinpath(dirname(@__DIR__), "ext", "MMSBTablesExt.jl"))

@testset "tables" begin
    g = load(GRAPH)
    t = table(g, :price, :qty, :value)
    @test Tables.istable(t)
    @test Tables.columns(t).price === g[:price]
    @test Tables.schema(t).names == (:price, :qty, :value)
    @test Tables.schema(t).types == (Float64, Int64, Float64)
    assign!(g, [(price = 2.0k, qty = k) for k in 1:4])
    commit!(g)
    @test t[3] == (price = 6.0, qty = 3, value = 18.0)
    @test t.value == t[:value] == [2.0, 8.0, 18.0, 32.0]
    @test collect(Tables.rows(t))[4] == (price = 8.0, qty = 4, value = 32.0)
    @test (length(t), t[end].qty, keys(t)) == (4, 4, (:price, :qty, :value))
    assign!(g, (qty = [4, 3, 2, 1], price = 1:4))
    commit!(g)
    @test g[:value] == [4.0, 6.0, 6.0, 4.0]
    s = snapshot(g, :price, :value)
    assign!(g, Dict(:price => s[:value]))
    assign!(g, table(g, :qty))
    commit!(g)
    @test g[:price] == [4.0, 6.0, 6.0, 4.0]
    @test table(s, :value)[2] == (value = 6.0,)
    @test_throws DimensionMismatch assign!(g, (price = 1:4, qty = [1]))
    @test metrics(g).pending_bytes == 0     # not half of it
    @test_throws ArgumentError assign!(g, 5)
    @test_throws DimensionMismatch table(g, :price, :total)
    @test_throws WrongError table(g, :prise)
    @test_throws UsageError table(g)
    @test sprint(show, t) == "MMSB.PageTable(4 rows: price, qty, value)"
end

model(x) = 2x + 1

@testset "the code that feeds a page" begin
    I = MMSB.Instrument
    g = load(compile("source x: f64[4]\nsource ir: u8[30000]\npage y = sum(x)\nsource small: u8[10]"))
    fed = I.feed(model, g, :x; ir = :ir)
    @test fed(3.0) == 7.0
    commit!(g)
    found = I.page_ir(g[:ir])
    @test (found.provenance["function"], found.provenance["feeds"]) == ("model", "x")
    @test found.provenance["stage"] == "optimized"
    @test g[:x] == fill(7.0, 4)
    fed(4.0)
    @test 0 < metrics(g).pending_bytes < 1000       # the same method: no code
    fed(1)
    @test metrics(g).pending_bytes > 30000          # other types
    commit!(g)
    @test I.page_ir(g[:ir]).provenance["types"] == "Tuple{Int64}"
    line = I.page_ir(g[:ir]).provenance["line"]
    @eval model(x) = 100x
    Base.invokelatest(fed, 2)
    commit!(g)
    @test g[:y][] == 800.0
    @test I.page_ir(g[:ir]).provenance["line"] != line
    lowered = (I.page_ir!(g[:ir], sum, Tuple{Vector{Float64}}; stage = :lowered); commit!(g); I.page_ir(g[:ir]))
    @test lowered.provenance["stage"] == "lowered"
    @test occursin("sum", lowered.text)
    @test_throws UsageError I.page_ir!(g[:ir], sum, Tuple{Vector{Float64}}; stage = :machine)
    @test_throws UsageError I.feed(model, g, :x; ir = :y)
    @test_throws WrongError I.feed(model, g, :nothing; ir = :ir)
    @test_throws UsageError I.feed(model, g, :x; ir = :small)(1.0)
    @test occursin("model, x; ir = ir", sprint(show, fed))
end
