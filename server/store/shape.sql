-- What decides what a query over the ledger's tables is shown, and what guards their rows, one line each: of which table or
-- function ('': of none of ours), what, how it is, whether a reader is shown something else if it is not so, and whether `how`
-- is a text that PostgreSQL makes of an expression, which another release may word otherwise. Read by scripts/database-schema,
-- which writes server/store/shape_lines.h from it and from what the migrations make; and by the server (store/shape.c).
WITH tables AS (
    SELECT c.oid, c.relname::text AS name, c.relkind, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity, c.reltype
    FROM pg_catalog.pg_class c
    WHERE c.relnamespace = 'public'::pg_catalog.regnamespace
      AND c.relname OPERATOR(pg_catalog.=) ANY ('{entry,account,tile,head,checkpoint,evidence,assertion,reservation,cosignature,witness,quorum,refusal}'::pg_catalog.name[])
), own AS ( -- functions that are asked for by a name of PostgreSQL's own
    SELECT p.oid, p.proname::text AS name, p.pronamespace, p.prolang, p.prosrc, p.prosecdef, p.proconfig, p.provolatile, p.prorettype,
           pg_catalog.pg_get_function_identity_arguments(p.oid) AS arguments
    FROM pg_catalog.pg_proc p
    WHERE p.pronamespace IN ('public'::pg_catalog.regnamespace, 'pg_catalog'::pg_catalog.regnamespace)
), built_in (name, arguments) AS (
    VALUES ('record_send', 'record'), ('sha256', 'bytea'), ('count', ''), ('unnest', 'anyarray'), ('byteacat', 'bytea, bytea'), ('int2send', 'smallint'),
           ('int4send', 'integer'), ('int8send', 'bigint'), ('uuid_send', 'uuid'), ('byteasend', 'bytea'), ('textsend', 'text'), ('boolsend', 'boolean'),
           ('array_send', 'anyarray'), ('int8eq', 'bigint, bigint'), ('int8lt', 'bigint, bigint'), ('int8gt', 'bigint, bigint'), ('int8ge', 'bigint, bigint'),
           ('int4eq', 'integer, integer'), ('int4gt', 'integer, integer'), ('int4lt', 'integer, integer'), ('uuid_eq', 'uuid, uuid'), ('uuid_gt', 'uuid, uuid'),
           ('uuid_ge', 'uuid, uuid'), ('booleq', 'boolean, boolean'), ('boolge', 'boolean, boolean'), ('byteaeq', 'bytea, bytea'),
           ('textin', 'cstring'), ('uuid_in', 'cstring'), ('current_setting', 'text, boolean')
), lines (of, what, how, reads, worded) AS (
    SELECT name, 'the table ' || name,
           relkind::text || ' ' || relpersistence::text || CASE WHEN relrowsecurity THEN ' row security' ELSE '' END || CASE WHEN relforcerowsecurity THEN ' forced' ELSE '' END
           || CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE tables.oid IN (i.inhparent, i.inhrelid)) THEN ' inherits' ELSE '' END, true, false
    FROM tables
    UNION ALL
    SELECT t.name, 'column ' || row_number() OVER (PARTITION BY t.name ORDER BY a.attnum) || ' of the table ' || t.name,
           a.attname || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attgenerated <> '' THEN ' generated' ELSE '' END, true, false
    FROM tables t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT t.name, 'the column ' || a.attname || ' of the table ' || t.name || ', NULL and default',
           CASE WHEN a.attnotnull THEN 'not null' ELSE 'null' END || coalesce(' default ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid), ''), false, true
    FROM tables t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    UNION ALL
    SELECT t.name, 'the policy ' || p.polname || ' of the table ' || t.name,
           p.polcmd::text || CASE WHEN p.polpermissive THEN ' permissive' ELSE ' restrictive' END
           || ' ' || (SELECT coalesce(pg_catalog.string_agg(r.rolname, ',' ORDER BY r.rolname), 'public') FROM pg_catalog.pg_roles r WHERE r.oid = ANY (p.polroles))
           || ' ' || coalesce(pg_catalog.pg_get_expr(p.polqual, p.polrelid), '-') || ' ' || coalesce(pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid), '-'), true, true
    FROM tables t JOIN pg_catalog.pg_policy p ON p.polrelid = t.oid
    UNION ALL
    SELECT t.name, 'the constraint ' || c.conname || ' of the table ' || t.name,
           pg_catalog.pg_get_constraintdef(c.oid) || CASE WHEN c.convalidated THEN '' ELSE ' not valid' END, false, true
    FROM tables t JOIN pg_catalog.pg_constraint c ON c.conrelid = t.oid AND c.contype IN ('c', 'f', 'p', 'u', 'x')
    UNION ALL
    SELECT t.name, 'the index ' || x.relname || ' of the table ' || t.name, pg_catalog.pg_get_indexdef(i.indexrelid)
           || CASE WHEN i.indisvalid AND i.indisready AND i.indislive THEN '' ELSE ' not valid' END, false, true
    FROM tables t JOIN pg_catalog.pg_index i ON i.indrelid = t.oid JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
    UNION ALL
    SELECT t.name, 'the trigger ' || coalesce(c.conname, g.tgname) || ' of the table ' || t.name, pg_catalog.pg_get_triggerdef(g.oid) || ' ' || g.tgenabled::text, false, true
    FROM tables t JOIN pg_catalog.pg_trigger g ON g.tgrelid = t.oid LEFT JOIN pg_catalog.pg_constraint c ON c.oid = g.tgconstraint AND g.tgisinternal
    WHERE NOT g.tgisinternal OR g.tgenabled <> 'O'
    UNION ALL
    SELECT t.name, 'the rule ' || r.rulename || ' of the table ' || t.name, r.ev_type::text || ' ' || r.ev_enabled::text, r.ev_type = '1', false
    FROM tables t JOIN pg_catalog.pg_rewrite r ON r.ev_class = t.oid
    UNION ALL -- our own functions; a namesake of PostgreSQL's would be called in its place
    SELECT CASE WHEN b.name IS NULL AND f.pronamespace = 'public'::pg_catalog.regnamespace THEN f.name ELSE '' END,
           'the function ' || f.pronamespace::pg_catalog.regnamespace || '.' || f.name || '(' || f.arguments || ')',
           l.lanname || ' ' || f.provolatile::text || CASE WHEN f.prosecdef THEN ' definer' ELSE '' END || coalesce(' ' || f.proconfig::text, '')
           || ' returns ' || pg_catalog.format_type(f.prorettype, NULL) || ' ' || f.prosrc || coalesce(pg_catalog.pg_get_function_sqlbody(f.oid), ''), true, true
    FROM own f JOIN pg_catalog.pg_language l ON l.oid = f.prolang
    LEFT JOIN (SELECT DISTINCT name FROM own WHERE pronamespace = 'pg_catalog'::pg_catalog.regnamespace AND oid < 16384) b ON b.name = f.name
    WHERE f.oid >= 16384 AND (f.pronamespace = 'public'::pg_catalog.regnamespace OR b.name IS NOT NULL)
    UNION ALL
    SELECT '', 'PostgreSQL''s own function ' || b.name || '(' || b.arguments || ')', coalesce(l.lanname || ' ' || f.prosrc, 'missing'), true, false
    FROM built_in b LEFT JOIN own f ON f.pronamespace = 'pg_catalog'::pg_catalog.regnamespace AND f.name = b.name AND f.arguments = b.arguments AND f.oid < 16384
    LEFT JOIN pg_catalog.pg_language l ON l.oid = f.prolang
    UNION ALL -- whom row security holds; and whose rights they have besides
    SELECT '', 'the role ' || r.rolname, CASE WHEN r.rolsuper THEN 'superuser' WHEN r.rolbypassrls THEN 'above row security' ELSE 'under row security' END, true, false
    FROM pg_catalog.pg_roles r WHERE r.rolname IN ('kontor_worker', 'kontor_writer')
    UNION ALL
    SELECT '', 'what the role ' || r.rolname || ' is a member of',
           coalesce((SELECT pg_catalog.string_agg(pg_catalog.pg_get_userbyid(m.roleid), ',' ORDER BY m.roleid) FROM pg_catalog.pg_auth_members m WHERE m.member = r.oid), 'nothing'),
           false, false
    FROM pg_catalog.pg_roles r WHERE r.rolname IN ('kontor_worker', 'kontor_writer')
    UNION ALL -- operators and casts between PostgreSQL's own types, or of our rows
    SELECT '', 'the operator ' || o.oid::pg_catalog.regoperator, o.oprcode::text, true, false
    FROM pg_catalog.pg_operator o
    WHERE o.oid >= 16384 AND o.oprnamespace IN ('public'::pg_catalog.regnamespace, 'pg_catalog'::pg_catalog.regnamespace)
      AND (o.oprleft < 16384 OR o.oprleft IN (SELECT reltype FROM tables)) AND (o.oprright < 16384 OR o.oprright IN (SELECT reltype FROM tables))
    UNION ALL
    SELECT '', 'the cast of ' || pg_catalog.format_type(c.castsource, NULL) || ' to ' || pg_catalog.format_type(c.casttarget, NULL), c.castmethod::text, true, false
    FROM pg_catalog.pg_cast c
    WHERE c.oid >= 16384 AND (c.castsource < 16384 OR c.castsource IN (SELECT reltype FROM tables)) AND (c.casttarget < 16384 OR c.casttarget IN (SELECT reltype FROM tables))
)
SELECT of, what, CASE WHEN pg_catalog.length(how) <= 100 AND how !~ '["\n\\]' THEN how ELSE pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(how, 'UTF8')), 'hex') END, reads, worded
FROM lines ORDER BY of COLLATE "C", what COLLATE "C"
