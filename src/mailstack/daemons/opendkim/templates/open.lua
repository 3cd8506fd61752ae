
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
  local master = mime.unb64((content("@{master}"):gsub("%s", "")))
  local data = mime.unb64((assert(sealed:match("^1:(.+)$"), "a seal of another version")))
  local lock = cipher.new("AES-256-GCM"):decrypt(master, data:sub(1, 12))
  local text = lock:update(data:sub(13, -17))
  lock:setTag(data:sub(-16))
  if not lock:final() then error("the key " .. selector .. " was sealed under another dkim.master") end
  local owner, private = text:match("^([^\n]*)\n(.*)$")
  if owner ~= domain .. " " .. selector .. " @{algorithm}" then
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
  io.stderr:write("the ", "@{algorithm}", " key of ", domain, " cannot be used: ", tostring(private), "\n")
end
