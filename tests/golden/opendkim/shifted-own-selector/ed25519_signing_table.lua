-- Written by mailstack for OpenDKIM (opendkim(8), DATA SETS, "lua:"). What cannot be told is an error,
-- and the message comes again; OpenDKIM does not say which, so it is written to our log. (Never
-- "return nil": OpenDKIM 2.11 copies every value it gets as a string.)

if not query then return end -- the trial run of a start

local domain = query:lower()
if domain == "" or domain:find("[@*%s]") or domain:sub(1, 1) == "." then return end

local socket = require "socket"

-- Asks couchmail (socketmap, socketmap_table(5)) which key signs for the domain: "SELECTOR SEALED",
-- "-" where it has none of its own, nothing where the domain is not ours.
local function signing_key()
  local connection = assert(socket.tcp())
  connection:settimeout(5)
  assert(connection:connect("127.0.0.1", 60571))
  local question = "dkim ed25519:" .. domain
  assert(connection:send(#question .. ":" .. question .. ","))
  local length = ""
  repeat
    local octet = assert(connection:receive(1))
    length = length .. octet
  until not octet:find("%d") or #length > 6
  local answer = assert(connection:receive(assert(tonumber(length:match("^(%d+):$")))))
  connection:close()
  local found = answer:match("^OK (.*)$")
  if not found and not answer:find("^NOTFOUND ") then error("couchmail answered " .. answer) end
  return found
end

-- Runs `work` and hands on what it returns, or its error.
local function told(work)
  local results = table.pack(pcall(work))
  if results[1] then return table.unpack(results, 2, results.n) end
  io.stderr:write("no signature for ", domain, ": ", tostring(results[2]), "\n")
  error(results[2], 0)
end

-- The key of a domain lies sealed in the datastore, by AES-256-GCM under the master key, and begins with
-- a line that says whose it is (mailstack/dkim/sealing.py).

local function content(path)
  local file = assert(io.open(path, "r"))
  local text = file:read("*a")
  file:close()
  return text
end

local function opened(selector, sealed)
  local mime = require "mime"
  local cipher = require "openssl.cipher"
  local master = mime.unb64((content("/srv/mail/secure/dkim.master"):gsub("%s", "")))
  local data = mime.unb64((assert(sealed:match("^1:(.+)$"), "a seal of another version")))
  local lock = cipher.new("AES-256-GCM"):decrypt(master, data:sub(1, 12))
  local text = lock:update(data:sub(13, -17))
  lock:setTag(data:sub(-16))
  if not lock:final() then error("the key " .. selector .. " was sealed under another dkim.master") end
  local owner, private = text:match("^([^\n]*)\n(.*)$")
  if owner ~= domain .. " " .. selector .. " ed25519" then
    error("the key " .. selector .. " of " .. domain .. " is that of " .. tostring(owner))
  end
  return private
end

-- The private key, or nothing for one that cannot be opened: the master key was lost, say. Coming again
-- does not help the message then, so that is written to our log, and holds up nobody.
local function private_key(found)
  local selector, sealed = found:match("^(%S+) (%S+)$")
  if not selector then return end
  local is_open, private = pcall(opened, selector, sealed)
  if is_open then return selector, private end
  io.stderr:write("the ", "ed25519", " key of ", domain, " cannot be used: ", tostring(private), "\n")
end

-- Which key signs an author's mail: the domain's, named by the domain. Asked first with the whole
-- address of From:, then with its domain, then with patterns; only the domain counts, and couchmail
-- knows which are ours. So a message that a script redirects keeps its author's signature and gets
-- none of ours that nobody could verify.

return told(function()
  local found = signing_key()
  if found and (false or private_key(found)) then return domain end
end)
