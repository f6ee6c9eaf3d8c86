-- Messages of as many agents as there are requests, for wrk: FLEET_MODE is enroll or check-in, FLEET_FIRST the number of the
-- first agent, FLEET_AGENTS how many there are to check in, FLEET_REST a file with what follows uid and sequence number.
local mode = os.getenv("FLEET_MODE")
local number = tonumber(os.getenv("FLEET_FIRST"))
local agents = tonumber(os.getenv("FLEET_AGENTS"))
local sequence = tonumber(os.getenv("FLEET_SEQUENCE"))
local prefix = os.getenv("FLEET_PREFIX")
local file = io.open(os.getenv("FLEET_REST"), "rb")
local rest = file:read("*a")
file:close()

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/x-protobuf"

local function uid(n)
  return prefix .. string.format("%08d", n)
end

function request()
  local body = "\10\16" .. uid(number) .. "\16" .. string.char(sequence) .. rest
  number = number + 1
  if mode == "check-in" and number >= agents then
    number = 0
    sequence = sequence < 120 and sequence + 1 or 2
  end
  return wrk.format(nil, nil, nil, body)
end
