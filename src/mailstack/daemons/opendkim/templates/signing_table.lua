
-- Which key signs an author's mail: the domain's, named by the domain. Asked first with the whole
-- address of From:, then with its domain, then with patterns; only the domain counts, and couchmail
-- knows which are ours. So a message that a script redirects keeps its author's signature and gets
-- none of ours that nobody could verify.

return told(function()
  local found = signing_key()
  if found and (@{has_fallback} or private_key(found)) then return domain end
end)
