//! A walk along an index as a filter and an order.
//!
//! The order is that of `SQLite`'s backend: null is less than everything. `MongoDB` compares only
//! what is of one type, so what is less than a value is that or null.

use bson::{Bson, Document, doc};
use studyhall_schema::record::Index;

use crate::{
    StoreError,
    backend::Scan,
    page::{Direction, is_key, resume_keys},
};

/// The keys that the index has in `MongoDB`. `_id` breaks ties; a unique index has none.
pub(super) fn keys(index: &Index) -> Vec<&'static str> {
    if index.unique { index.keys.to_vec() } else { resume_keys(*index, 0) }
}

/// Equal to the index's first keys.
pub(super) fn equal(index: &Index, prefix: &[Bson]) -> Result<Document, StoreError> {
    index
        .keys
        .iter()
        .zip(prefix)
        .map(|(key, value)| Ok(((*key).to_owned(), plain(value)?)))
        .collect()
}

/// What a walk finds.
pub(super) fn filter(scan: &Scan) -> Result<Document, StoreError> {
    let mut all = Vec::new();
    let first = equal(&scan.index, &scan.prefix)?;
    if !first.is_empty() {
        all.push(first);
    }
    if let Some(key) = scan.index.keys.get(scan.prefix.len()) {
        if let Some(after) = &scan.after {
            all.push(beyond(key, plain(after)?, Direction::Ascending));
        }
        if let Some(before) = &scan.before {
            all.push(beyond(key, plain(before)?, Direction::Descending));
        }
    }
    if let Some(resume) = &scan.resume {
        let keys = resume_keys(scan.index, scan.prefix.len());
        let values = resume.iter().map(plain).collect::<Result<Vec<_>, _>>()?;
        all.push(past(&keys, &values, scan.direction));
    }
    Ok(match all.len() {
        0 | 1 => all.pop().unwrap_or_default(),
        _ => doc! { "$and": all },
    })
}

/// In which order.
pub(super) fn order(scan: &Scan) -> Document {
    let way = match scan.direction {
        Direction::Ascending => 1,
        Direction::Descending => -1,
    };
    let keys = keys(&scan.index).into_iter().skip(scan.prefix.len());
    keys.map(|key| (key.to_owned(), Bson::Int32(way))).collect()
}

/// Past the place where a page ended: further by the first key, or equal by it and further by the
/// next, and so on.
fn past(keys: &[&str], values: &[Bson], direction: Direction) -> Document {
    let further = (0..keys.len()).map(|place| {
        let mut all: Vec<Document> =
            (0..place).map(|before| doc! { keys[before]: values[before].clone() }).collect();
        all.push(beyond(keys[place], values[place].clone(), direction));
        doc! { "$and": all }
    });
    doc! { "$or": further.collect::<Vec<_>>() }
}

fn beyond(key: &str, value: Bson, direction: Direction) -> Document {
    match (direction, value) {
        (Direction::Ascending, Bson::Null) => doc! { key: { "$ne": null } },
        (Direction::Ascending, value) => doc! { key: { "$gt": value } },
        (Direction::Descending, Bson::Null) => doc! { key: { "$in": [] } },
        (Direction::Descending, value) => {
            doc! { "$or": [ { key: { "$lt": value } }, { key: null } ] }
        }
    }
}

/// A value that cannot be read as an operator.
pub(super) fn plain(value: &Bson) -> Result<Bson, StoreError> {
    if is_key(value) {
        return Ok(value.clone());
    }
    Err(StoreError::Invalid(format!("an index cannot hold a {:?}", value.element_type())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: Index = Index { name: "shelf", keys: &["shelf", "visits"], unique: false };

    fn scan(direction: Direction) -> Scan {
        Scan {
            index: INDEX,
            prefix: vec!["a".into()],
            after: None,
            before: None,
            direction,
            resume: None,
            limit: 10,
            without: None,
        }
    }

    #[test]
    fn a_walk_is_a_filter_in_the_order_of_its_index() {
        let mut walk = scan(Direction::Ascending);
        assert_eq!(filter(&walk).unwrap(), doc! { "shelf": "a" });
        assert_eq!(order(&walk), doc! { "visits": 1, "_id": 1 });
        walk.resume = Some(vec![Bson::Int64(3), "x".into()]);
        let past = doc! { "$or": [
            { "$and": [ { "visits": { "$gt": 3_i64 } } ] },
            { "$and": [ { "visits": 3_i64 }, { "_id": { "$gt": "x" } } ] },
        ] };
        assert_eq!(filter(&walk).unwrap(), doc! { "$and": [ { "shelf": "a" }, past ] });
    }

    #[test]
    fn null_is_less_than_everything() {
        let mut walk = scan(Direction::Descending);
        walk.before = Some(Bson::Int64(3));
        let less = doc! { "$or": [ { "visits": { "$lt": 3_i64 } }, { "visits": null } ] };
        assert_eq!(filter(&walk).unwrap(), doc! { "$and": [ { "shelf": "a" }, less ] });
        assert_eq!(order(&walk), doc! { "visits": -1, "_id": -1 });
        assert_eq!(
            beyond("k", Bson::Null, Direction::Ascending),
            doc! { "k": { "$ne": null } },
            "everything else is greater"
        );
    }

    #[test]
    fn an_operator_is_no_value() {
        let mut walk = scan(Direction::Ascending);
        walk.prefix = vec![doc! { "$gt": "" }.into()];
        assert!(matches!(filter(&walk), Err(StoreError::Invalid(_))));
    }
}
