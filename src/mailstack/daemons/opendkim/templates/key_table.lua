
-- The key of a domain, for d=, s= and the signature. It lies sealed in the datastore, by AES-256-GCM
-- under the master key, and begins with a line that says whose it is (mailstack/dkim/sealing.py).

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

return told(function()
  local found = signing_key()
  if not found then return end
  local selector, sealed = found:match("^(%S+) (%S+)$")
  if selector then return domain, selector, opened(selector, sealed) end
  if @{has_fallback} then return domain, "@{selector}", "@{key}" end
  error("its key is gone since the signing table was asked")
end)
