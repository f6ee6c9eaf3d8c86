-- Posts one status report, of the file that OPAMP_REPORT names, over and over.
local file = assert(io.open(os.getenv("OPAMP_REPORT"), "rb"))
wrk.method = "POST"
wrk.body = file:read("*a")
wrk.headers["Content-Type"] = "application/x-protobuf"
