-- A reservation's run ticket shares its UUID. The primary key says so already that no two have the same: one index less for
-- each acceptance to write.
ALTER TABLE reservation DROP CONSTRAINT reservation_jti_key;
ALTER TABLE reservation ADD CONSTRAINT reservation_jti_check CHECK (jti = id);
