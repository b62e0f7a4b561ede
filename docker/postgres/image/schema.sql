CREATE TABLE registers (key text PRIMARY KEY, value bigint NOT NULL) WITH (fillfactor = 10);

CREATE TABLE lists (key text PRIMARY KEY, elements bigint[] NOT NULL) WITH (fillfactor = 10);

CREATE TABLE appends (id bigserial PRIMARY KEY, list text NOT NULL, element bigint NOT NULL);

CREATE INDEX appends_by_list ON appends (list, id);

CREATE TABLE ready (key text PRIMARY KEY, asked bigint NOT NULL);

