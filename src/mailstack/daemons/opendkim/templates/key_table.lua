
-- The key of a domain, for d=, s= and the signature. Where a domain has none that can be opened, the
-- stack's one key signs, if it is of this algorithm.

return told(function()
  local found = signing_key()
  if not found then return end
  local selector, private = private_key(found)
  if selector then return domain, selector, private end
  if @{has_fallback} then return domain, "@{selector}", "@{key}" end
  error("its key is gone since the signing table was asked")
end)
