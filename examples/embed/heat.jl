# SPDX-License-Identifier: Apache-2.0
# A hot plate cools, drawn in the terminal: julia --project=engine/bindings/julia heat.jl [GRAPH]
using MMSB

const SHADES = " .:-=+*#%@"

# A character for 2 x 4 cells: their mean, between low and high.
function draw(plate, low, high)
    for y in 1:4:size(plate, 2)
        line = map(1:2:size(plate, 1)) do x
            warm = (sum(plate[x:x+1, y:y+3]) / 8 - low) / (high - low)
            SHADES[1+clamp(floor(Int, length(SHADES) * warm), 0, length(SHADES) - 1)]
        end
        println(rstrip(join(line)))
    end
end

function main(path)
    g = load(compile(path; h = 32, w = 64))
    plate = g[:u]       # an array on the page: size (w, h), it follows every epoch
    cooled = Ref(0)
    on(event -> cooled[] == 0 && (cooled[] = event.epoch), g, :cooled)
    while cooled[] == 0
        println("epoch ", epoch(g), ": hottest ", round(g[:hottest][]; digits = 1), ", mean ",
                round(g[:mid][]; digits = 3))
        draw(plate, 20.0, 100.0)
        tick!(g, 40)
    end
    println("below 60 in epoch ", cooled[], ", root ", root(g))
end

main(isempty(ARGS) ? joinpath(@__DIR__, "..", "..", "graphs", "heat.mmsbg") : ARGS[1])
