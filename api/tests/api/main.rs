//! The API as people and attackers use it, through its router.

mod accounts;
mod browsers;
mod conventions;
mod cut_off;
mod dead_nodes;
mod hall;
mod history;
mod joining;
mod logins;
mod moves;
mod notes;
mod openapi;
mod outdated;
mod registering;
mod rooms;
mod rows;
mod shapes;
mod tickets;
mod timer;
mod todo_texts;
mod todos;
mod tokens;
mod trash;
