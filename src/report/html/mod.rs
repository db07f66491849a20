//! A deployment as one HTML page that needs nothing else: no script, no font, no request. And the
//! same, with lists of services and deployments, as the pages of a server.

mod actions;
mod axis;
mod chart;
mod driver;
mod headline;
mod lanes;
mod late;
mod lists;
mod live;
mod page;
mod rows;
mod tables;
mod unread;

pub use driver::Driver;
pub use lists::{
    HistoryPage, ServiceRow, ServicesPage, history_main, history_page, services_main, services_page,
};
pub use live::{Live, SCRIPT, escaped};
pub use page::{Measured, live_main, live_page, page};
pub use unread::{Unread, unread_page};
