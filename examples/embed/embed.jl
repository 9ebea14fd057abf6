# SPDX-License-Identifier: Apache-2.0
# The risk graph inside Julia: julia --project=engine/bindings/julia embed.jl IMAGE TICKS
using MMSB
using Printf

as_c(x) = @sprintf("%.17g", x)    # as C prints it

function main(image, ticks)
    g = load(image)
    total = g[:total]   # follows every epoch
    on(g, :breach) do event
        println("epoch ", event.epoch, ": book ", event.values[2], " is at ", as_c(event.values[1]))
    end
    for line in eachline(ticks)
        line == "commit" ? commit!(g) : line!(g, line)
    end
    println("epoch ", epoch(g), " total ", as_c(total[]), " root ", root(g))
    close(g)
end

main(ARGS...)
