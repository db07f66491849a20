-- A connection asks again a while after its answer, so that a few make a few hundred requests a
-- second, and the end is told in one line that a program can read.
function delay()
   return 20
end

function done(summary)
   local e = summary.errors
   local lost = e.connect + e.read + e.write + e.timeout
   io.write(string.format("requests=%d bad=%d lost=%d\n", summary.requests, e.status, lost))
end
