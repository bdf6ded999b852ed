-- A database for each service: every one keeps accounts and jobs of its own.
-- That of the monitor is made by the container.
CREATE DATABASE pictures;
CREATE DATABASE music;
CREATE DATABASE desk;
